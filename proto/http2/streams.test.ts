import { describe, expect, test } from 'vitest';
import { errorCodes } from './errors.ts';
import { sharedField } from './field.ts';
import { FlushTurn } from './flush-turn.ts';
import { frameTypes as types } from './frames.ts';
import { frame, RawPeer, uint32 } from './testing/raw-peer.ts';

const { NO_ERROR, INTERNAL_ERROR, PROTOCOL_ERROR, STREAM_CLOSED, CANCEL, FLOW_CONTROL_ERROR } = errorCodes;
const ok = sharedField(':status', '200');
const data = (id: number, text: string, end = false): Buffer => frame(types.data, end ? 1 : 0, id, Buffer.from(text));
const windowUpdate = (id: number, bytes: number): Buffer => frame(types.windowUpdate, 0, id, uint32(bytes));
const setWindow = (bytes: number): Buffer =>
  frame(types.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(bytes)]));

describe('sending', () => {
  test('frames of many streams go out in one write', () => {
    const peer = new RawPeer('server');
    for (let id = 1; id < 40; id += 2) peer.send(peer.get(id));
    const before = peer.writes;
    for (const stream of peer.streams.values()) {
      stream.headers([ok], false);
      stream.data(Buffer.alloc(100), false);
      stream.trailers([['grpc-status', '0']]);
    }
    expect(peer.frames()).toHaveLength(60);
    expect(peer.writes).toBe(before + 1);
  });

  test('one body for many streams is not copied', () => {
    const peer = new RawPeer('server');
    const body = Buffer.alloc(50_000, 1);
    peer.send(windowUpdate(0, 1_000_000), peer.get(1), peer.get(3));
    for (const stream of peer.streams.values()) stream.data(body, true);
    const written: Buffer[] = [];
    peer.onWrite = (buffers) => written.push(...buffers);
    peer.connection.flushNow();
    expect(written.filter((one) => one.buffer === body.buffer)).toHaveLength(8);
  });

  test('data that is copied may change at once; what has room goes now, and the last frame is the end', () => {
    const peer = new RawPeer('server');
    peer.send(setWindow(20_000), peer.get(1), peer.get(3));
    const [first, second] = [peer.streams.get(1), peer.streams.get(3)];
    const body = Buffer.from('hello, you');
    first?.dataCopied(body, 0, 5);
    first?.end();
    second?.dataCopied(Buffer.alloc(21_000), 500, 20_500);
    second?.end();
    body.fill(0);
    const written: Buffer[] = [];
    peer.onWrite = (buffers) => written.push(...buffers.map((one) => Buffer.from(one)));
    expect(peer.words()).toEqual(['SETTINGS ACK', 'DATA 1 5 end', 'DATA 3 16384', 'DATA 3 3616 end']);
    expect(Buffer.concat(written).includes('hello')).toBe(true);
  });

  test('data that is copied waits where a window is shut, and its end after it', () => {
    const peer = new RawPeer('server');
    peer.send(setWindow(4), peer.get(1), peer.get(3));
    const taken: number[] = [];
    const body = Buffer.from('hello');
    peer.streams.get(1)?.dataCopied(body, 0, 5, ({ id }) => taken.push(id));
    peer.streams.get(1)?.end();
    peer.streams.get(3)?.headers([ok], false);
    peer.streams.get(3)?.end();
    body.fill(0);
    expect(peer.words()).toEqual(['SETTINGS ACK', 'DATA 1 4', 'HEADERS 3 :status: 200', 'DATA 3 0 end']);
    expect(peer.connection.queuedBytes).toBe(1);
    let last = '';
    peer.onWrite = (buffers) => {
      last = Buffer.concat(buffers).toString('latin1');
    };
    peer.send(windowUpdate(1, 1));
    expect(peer.words()).toEqual(['DATA 1 1 end']);
    expect(last.endsWith('o')).toBe(true);
    expect(taken).toEqual([1]);
  });

  test('windows are kept to, streams take turns, and trailers wait for the data', () => {
    const peer = new RawPeer('server');
    peer.send(setWindow(20_000), peer.get(1), peer.get(3));
    const taken: number[] = [];
    for (const stream of peer.streams.values()) {
      stream.data([Buffer.alloc(5), Buffer.alloc(24_995)], false, ({ id }) => taken.push(id));
      stream.trailers([['grpc-status', '0']]);
    }
    expect(peer.words()).toEqual(['SETTINGS ACK', 'DATA 1 16384', 'DATA 3 16384', 'DATA 1 3616', 'DATA 3 3616']);
    expect(taken).toEqual([]);
    peer.send(windowUpdate(3, 10_000));
    expect(peer.words()).toEqual(['DATA 3 5000', 'HEADERS 3 grpc-status: 0 end']);
    expect(taken).toEqual([3]);
    expect(peer.connection.queuedBytes).toBe(5_000);
    peer.send(setWindow(30_000));
    expect(peer.words()).toEqual(['SETTINGS ACK', 'DATA 1 5000', 'HEADERS 1 grpc-status: 0 end']);
    expect(taken).toEqual([3, 1]);
  });

  test('the window of the connection holds all streams', () => {
    const peer = new RawPeer('server');
    peer.send(peer.get(1), peer.get(3));
    for (const stream of peer.streams.values()) stream.data(Buffer.alloc(40_000), true);
    const sent = (): number => peer.frames().reduce((sum, one) => sum + one.payload.length, 0);
    expect(sent()).toBe(65_535);
    peer.send(windowUpdate(0, 100_000));
    expect(sent()).toBe(80_000 - 65_535);
    expect(peer.connection.openStreams).toBe(0);
  });

  test('a full socket is not written to before it has drained', () => {
    const peer = new RawPeer('server');
    peer.send(peer.get(1));
    peer.writeResult = 'full';
    const stream = peer.streams.get(1);
    stream?.headers([ok], false);
    expect(peer.words()).toEqual(['HEADERS 1 :status: 200']);
    stream?.data(Buffer.alloc(10), false);
    expect(peer.words()).toEqual([]);
    expect(stream?.queuedBytes).toBe(10);
    peer.writeResult = 'written';
    peer.connection.drained();
    expect(peer.words()).toEqual(['DATA 1 10']);
  });

  test('a long list of headers goes out in CONTINUATION frames', () => {
    const peer = new RawPeer('server');
    peer.send(peer.get(1));
    peer.streams.get(1)?.headers([ok, ['x-long', 'v'.repeat(40_000)]], true);
    expect(peer.frames().map(({ type, flags }) => [type, flags])).toEqual([
      [types.headers, 1],
      [types.continuation, 0],
      [types.continuation, 4],
    ]);
  });

  test('what cannot follow an end throws, and what comes after a cut is dropped', () => {
    const peer = new RawPeer('server');
    peer.send(peer.post(1), peer.post(3));
    peer.streams.get(1)?.headers([ok], true);
    expect(() => peer.streams.get(1)?.data(Buffer.alloc(1), true)).toThrow(/Stream 1 has been ended by us/);
    peer.streams.get(3)?.reset(CANCEL);
    peer.streams.get(3)?.data(Buffer.alloc(1), true);
    expect(peer.words()).toEqual(['HEADERS 1 :status: 200 end', `RST_STREAM 3 code ${CANCEL}`]);
  });
});

describe('receiving', () => {
  test('bytes cut anywhere mean the same', () => {
    const whole = new RawPeer('server');
    const cut = new RawPeer('server');
    for (const peer of [whole, cut]) {
      const bytes = Buffer.concat([
        peer.post(1),
        data(1, 'hello'),
        peer.headers(1, [['x-sum', '5']], true),
        peer.get(3),
      ]);
      if (peer === whole) peer.send(bytes);
      else for (const byte of bytes) peer.send(Buffer.from([byte]));
    }
    expect(whole.told).toHaveLength(4);
    expect(cut.told).toEqual(whole.told);
  });

  test('the window opens again as the user consumes, and at once by itself if he wants', () => {
    const byHand = new RawPeer('server', { autoConsume: false });
    byHand.send(byHand.post(1), ...Array.from({ length: 4 }, () => data(1, 'x'.repeat(10_000))));
    expect(byHand.words()).toEqual([]);
    byHand.streams.get(1)?.consumed(40_000);
    expect(byHand.words()).toEqual(['WINDOW_UPDATE 0 40000', 'WINDOW_UPDATE 1 40000']);
    const byItself = new RawPeer('server');
    byItself.send(byItself.post(1), ...Array.from({ length: 4 }, () => data(1, 'x'.repeat(10_000))));
    expect(byItself.words()).toEqual(['WINDOW_UPDATE 0 40000', 'WINDOW_UPDATE 1 40000']);
  });

  test('an overrun stream is cut, and its bytes go back to the connection', () => {
    const settings = { initialWindowBytes: 10 };
    const peer = new RawPeer('server', { settings, autoConsume: false, connectionWindowBytes: 100_000 });
    peer.send(peer.post(1), data(1, 'x'.repeat(11)));
    expect(peer.words()).toEqual([`RST_STREAM 1 code ${FLOW_CONTROL_ERROR}`]);
    expect(peer.told.at(-1)).toEqual({ what: 'reset', id: 1, code: FLOW_CONTROL_ERROR, cause: 'violation' });
  });

  test('before the peer has acknowledged a smaller window, it may use the default one', () => {
    const peer = new RawPeer('server', { settings: { initialWindowBytes: 10 }, autoConsume: false }, false);
    peer.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(types.settings, 0, 0));
    peer.send(peer.post(1), data(1, 'x'.repeat(11)));
    expect(peer.told.map((one) => one.what)).toEqual(['headers', 'data']);
  });

  test('with the smaller window in force, what was too little to be given back before is given back', () => {
    const peer = new RawPeer(
      'server',
      { settings: { initialWindowBytes: 300 }, connectionWindowBytes: 500_000 },
      false,
    );
    peer.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(types.settings, 0, 0));
    peer.send(peer.post(1), data(1, 'x'.repeat(10_000)));
    peer.frames();
    peer.send(frame(types.settings, 1, 0));
    expect(peer.words()).toEqual(['WINDOW_UPDATE 1 10000']);
  });

  test('late frames of a stream that was cut here are ignored, those of one that has ended are not', () => {
    const peer = new RawPeer('server');
    peer.send(peer.post(1), peer.get(3));
    peer.streams.get(1)?.reset(CANCEL);
    peer.streams.get(3)?.headers([ok], true);
    peer.frames();
    peer.send(data(1, 'late'), peer.headers(1, [['x', 'y']], true), windowUpdate(3, 1));
    expect(peer.words()).toEqual([]);
    peer.send(data(3, 'wrong'));
    expect(peer.words()).toEqual([`RST_STREAM 3 code ${STREAM_CLOSED}`]);
  });

  test('content-length has to be kept to', () => {
    const post = (length: string): (readonly [string, string])[] => [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/'],
      ['content-length', length],
    ];
    const peer = new RawPeer('server');
    peer.send(peer.headers(1, post('3'), false), data(1, 'abcd'));
    peer.send(peer.headers(3, post('3'), false), data(3, 'ab', true));
    peer.send(peer.headers(5, post('3'), true), peer.headers(7, post('3x'), false));
    peer.send(peer.headers(11, post('03'), false), peer.headers(13, [...post('3'), ['content-length', '3']], false));
    peer.send(peer.headers(15, post('3'), false), data(15, 'abc', true));
    expect(peer.words()).toEqual([1, 3, 5, 7, 11, 13].map((id) => `RST_STREAM ${id} code ${PROTOCOL_ERROR}`));
    expect(peer.told.at(-1)).toEqual({ what: 'data', id: 15, text: 'abc', end: true });
  });

  test('extended CONNECT is let through where it was offered', () => {
    const connect = [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'http'],
      [':path', '/chat'],
      [':authority', 'a.example'],
    ] as const;
    const offered = new RawPeer('server', { settings: { enableConnectProtocol: true } });
    offered.send(offered.headers(1, connect, false));
    expect(offered.told).toMatchObject([
      { what: 'headers', fields: connect.map(([name, value]) => `${name}: ${value}`) },
    ]);
    const not = new RawPeer('server');
    not.send(not.headers(1, connect, false));
    expect(not.words()).toEqual([`RST_STREAM 1 code ${PROTOCOL_ERROR}`]);
  });
});

describe('the end of a connection', () => {
  test('a server says goodbye twice, takes what comes between, and ends with the last stream', () => {
    const peer = new RawPeer('server');
    peer.send(peer.post(1));
    peer.connection.drain();
    const [first, ping] = peer.frames();
    expect(first?.payload.readUInt32BE()).toBe(2 ** 31 - 1);
    peer.send(peer.get(3), frame(types.ping, 1, 0, ping?.payload));
    expect(peer.words()).toEqual([`GOAWAY last 3 code ${NO_ERROR}`]);
    peer.send(peer.get(5), data(1, 'x', true));
    for (const stream of peer.streams.values()) stream.headers([ok], true);
    expect([...peer.streams.keys()]).toEqual([1, 3]);
    expect(peer.told.at(-1)).toEqual({ what: 'closed', by: 'drained', code: NO_ERROR });
    expect(peer.words()).toEqual(['HEADERS 1 :status: 200 end', 'HEADERS 3 :status: 200 end']);
  });

  test('a lost socket is told to every open stream, and then once', () => {
    const peer = new RawPeer('server');
    peer.send(peer.post(1));
    peer.connection.transportClosed('gone');
    peer.connection.transportClosed('gone');
    expect(peer.told.slice(1)).toEqual([
      { what: 'reset', id: 1, code: CANCEL, cause: 'connection' },
      { what: 'closed', by: 'transport', code: CANCEL },
    ]);
  });
});

test('a handler that throws costs its connection, and no other of the turn', () => {
  const peer = new RawPeer('server');
  peer.onHeaders = () => {
    throw new Error('a mistake');
  };
  expect(() => peer.send(peer.get(1))).toThrow('a mistake');
  expect(peer.isWriterClosed).toBe(true);
  expect(peer.told.at(-1)).toEqual({ what: 'closed', by: 'destroyed', code: INTERNAL_ERROR });
  const flushed: string[] = [];
  const runs: (() => void)[] = [];
  const turn = new FlushTurn((run) => runs.push(run));
  turn.add({
    flush: () => {
      throw new Error('a mistake');
    },
  });
  turn.add({ flush: () => flushed.push('other') });
  expect(() => runs.shift()?.()).toThrow('a mistake');
  runs.shift()?.();
  expect(flushed).toEqual(['other']);
});
