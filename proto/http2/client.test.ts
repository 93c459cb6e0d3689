import { describe, expect, test } from 'vitest';
import { errorCodes } from './errors.ts';
import { type FieldLike, sharedField } from './field.ts';
import { frameTypes as types } from './frames.ts';
import { frame, RawPeer, uint32 } from './testing/raw-peer.ts';

const { NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL } = errorCodes;
const ok = sharedField(':status', '200');
const get = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.example'],
] as const;
const head = [[':method', 'HEAD'], ...get.slice(1)] as const;
const data = (id: number, text: string, end = false): Buffer => frame(types.data, end ? 1 : 0, id, Buffer.from(text));

function asked(fields: readonly FieldLike[] = get): RawPeer {
  const peer = new RawPeer('client');
  peer.connection.request(fields, true);
  peer.frames();
  return peer;
}

describe('a response that is malformed costs its stream', () => {
  const wrong: Record<string, (peer: RawPeer) => Buffer> = {
    'no :status': (peer) => peer.headers(1, [['x', 'y']], true),
    'a :status of two digits': (peer) => peer.headers(1, [[':status', '20']], true),
    'a :path': (peer) => peer.headers(1, [ok, [':path', '/']], true),
    '101': (peer) => peer.headers(1, [[':status', '101']], false),
    '103 that ends the stream': (peer) => peer.headers(1, [[':status', '103']], true),
    'data before the head': () => data(1, 'x'),
    'data behind 103 only': (peer) => Buffer.concat([peer.headers(1, [[':status', '103']], false), data(1, 'x')]),
    'less data than said': (peer) =>
      Buffer.concat([peer.headers(1, [ok, ['content-length', '2']], false), data(1, 'x', true)]),
    'trailers with :status': (peer) => Buffer.concat([peer.headers(1, [ok], false), peer.headers(1, [ok], true)]),
    'data to 204': (peer) => Buffer.concat([peer.headers(1, [[':status', '204']], false), data(1, 'x', true)]),
  };
  test.each(Object.entries(wrong))('%s', (_, bytes) => {
    const peer = asked();
    peer.send(bytes(peer));
    expect(peer.told.at(-1)).toEqual({ what: 'reset', id: 1, code: PROTOCOL_ERROR, cause: 'violation' });
    expect(peer.words()).toEqual([`RST_STREAM 1 code ${PROTOCOL_ERROR}`]);
    expect(peer.connection.openStreams).toBe(0);
    expect(peer.connection.isClosed).toBe(false);
  });
});

test('informational responses come before the final one, and then data and trailers', () => {
  const peer = asked();
  const early = peer.headers(
    1,
    [
      [':status', '103'],
      ['link', '</a>'],
    ],
    false,
  );
  peer.send(early, peer.headers(1, [ok], false), data(1, 'body'), peer.headers(1, [['x-sum', '4']], true));
  expect(peer.told).toEqual([
    { what: 'headers', id: 1, fields: [':status: 103', 'link: </a>'], end: false },
    { what: 'headers', id: 1, fields: [':status: 200'], end: false },
    { what: 'data', id: 1, text: 'body', end: false },
    { what: 'trailers', id: 1, fields: ['x-sum: 4'] },
    { what: 'ended', id: 1 },
  ]);
});

test('the answer to HEAD has a length and no content', () => {
  const peer = asked(head);
  peer.send(peer.headers(1, [ok, ['content-length', '1000']], true));
  expect(peer.told.map((one) => one.what)).toEqual(['headers', 'ended']);
});

test('a push, or a stream that the server begins, ends the connection', () => {
  for (const bytes of [frame(types.pushPromise, 4, 1, uint32(2)), data(2, 'x'), data(3, 'x')]) {
    const peer = asked();
    peer.send(bytes);
    expect(peer.told.at(-1)).toEqual({ what: 'closed', by: 'error', code: PROTOCOL_ERROR });
  }
});

test('a request waits for nobody, but there are no more than the server allows', () => {
  const peer = new RawPeer('client');
  peer.send(frame(types.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 1])));
  const first = peer.connection.request(get, true);
  expect(peer.connection.canRequest).toBe(false);
  expect(peer.connection.request(get, true)).toBeUndefined();
  first?.reset(CANCEL);
  expect(peer.connection.canRequest).toBe(true);
});

test('a request that is malformed is not begun', () => {
  const peer = new RawPeer('client');
  expect(() => peer.connection.request(get.slice(1), true)).toThrow(/has to have :method/);
  const connect = [[':method', 'CONNECT'], [':protocol', 'websocket'], ...get.slice(1)] as const;
  expect(() => peer.connection.request(connect, true)).toThrow(/:protocol was not offered/);
  peer.send(frame(types.settings, 0, 0, Buffer.from([0, 8, 0, 0, 0, 1])));
  expect(peer.connection.request(connect, false)?.id).toBe(1);
});

test('a client whose server leaves gets back what was not looked at', () => {
  const peer = new RawPeer('client');
  const streams = [get, get].map((fields) => peer.connection.request(fields, true));
  expect(streams.map((stream) => stream?.id)).toEqual([1, 3]);
  peer.send(frame(types.goAway, 0, 0, uint32(1, NO_ERROR)));
  expect(peer.connection.canRequest).toBe(false);
  peer.send(peer.headers(1, [ok], true));
  expect(peer.told).toEqual([
    { what: 'goAway', lastStreamId: 1, code: NO_ERROR },
    { what: 'reset', id: 3, code: REFUSED_STREAM, cause: 'peer' },
    { what: 'headers', id: 1, fields: [':status: 200'], end: true },
    { what: 'ended', id: 1 },
    { what: 'closed', by: 'drained', code: NO_ERROR },
  ]);
});

test('a ping is answered to whoever asked', () => {
  const peer = new RawPeer('client');
  const answers: string[] = [];
  peer.connection.ping(() => answers.push('first'));
  peer.connection.ping(() => answers.push('second'));
  const [first, second] = peer.frames();
  peer.send(frame(types.ping, 1, 0, second?.payload), frame(types.ping, 1, 0, Buffer.alloc(8)));
  expect(answers).toEqual(['second']);
  peer.send(frame(types.ping, 1, 0, first?.payload));
  expect(answers).toEqual(['second', 'first']);
});
