import { describe, expect, test } from 'vitest';
import { errorCodes } from './errors.ts';
import { preface, frameTypes as types } from './frames.ts';
import { limits } from './limits.ts';
import { frame, RawPeer, uint32 } from './testing/raw-peer.ts';

const { ENHANCE_YOUR_CALM, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, REFUSED_STREAM } = errorCodes;
const id = (n: number): number => 2 * n + 1;
/** Whoever reads nothing of what comes back. */
const deaf = (peer: RawPeer): RawPeer => {
  peer.writeResult = 'full';
  return peer;
};

interface Flood {
  /** Sends the nth frames of it; the flush follows. */
  readonly send: (peer: RawPeer, n: number) => void;
  /** The connection has to be over after so many. */
  readonly within: number;
  readonly code: number;
  readonly begin?: (peer: RawPeer) => void;
}

/** Appendix B of the reliability page, as far as one connection can be brought to its end by it. */
const floods: Record<string, Flood> = {
  'rapid reset': {
    send: (peer, n) => peer.send(peer.get(id(n)), frame(types.rstStream, 0, id(n), uint32(8))),
    within: limits.resetBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'a reset of ours provoked by a bad request': {
    send: (peer, n) => peer.send(peer.get(id(n)), frame(types.windowUpdate, 0, id(n), uint32(0))),
    within: limits.resetBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'CONTINUATION without end': {
    begin: (peer) => peer.send(frame(types.headers, 0, 1, Buffer.from([0x82]))),
    send: (peer) => peer.send(frame(types.continuation, 0, 1, Buffer.from([0x84]))),
    within: limits.continuationFrames + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'CONTINUATION of empty frames': {
    begin: (peer) => peer.send(frame(types.headers, 0, 1, Buffer.from([0x82]))),
    send: (peer) => peer.send(frame(types.continuation, 0, 1)),
    within: limits.emptyFramesInARow + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'a header block of many long frames': {
    begin: (peer) => peer.send(frame(types.headers, 0, 1, Buffer.alloc(16_384, 0x82))),
    send: (peer) => peer.send(frame(types.continuation, 0, 1, Buffer.alloc(16_384, 0x84))),
    within: 3,
    code: ENHANCE_YOUR_CALM,
  },
  'PING, answers read': {
    send: (peer) => peer.send(frame(types.ping, 0, 0, Buffer.alloc(8))),
    within: limits.idleFrameBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'PING, answers not read': {
    begin: deaf,
    send: (peer) => {
      peer.nowMs += 1_000;
      peer.send(frame(types.ping, 0, 0, Buffer.alloc(8)));
    },
    within: limits.queuedControlFrames + 2,
    code: ENHANCE_YOUR_CALM,
  },
  'requests, answers not read': {
    begin: (peer) => {
      deaf(peer).send(peer.get(1));
      peer.streams.get(1)?.headers([[':status', '200']], true);
      peer.connection.flushNow();
    },
    send: (peer, n) => {
      peer.send(peer.get(id(n + 1)));
      peer.streams.get(id(n + 1))?.headers(
        [
          [':status', '200'],
          ['x-long', 'v'.repeat(10_000)],
        ],
        true,
      );
    },
    within: Math.ceil(limits.queuedOutputBytes / 10_000) + 1,
    code: ENHANCE_YOUR_CALM,
  },
  SETTINGS: {
    send: (peer) => peer.send(frame(types.settings, 0, 0)),
    within: limits.idleFrameBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'SETTINGS, acknowledgements not read': {
    begin: deaf,
    send: (peer) => {
      peer.nowMs += 1_000;
      peer.send(frame(types.settings, 0, 0));
    },
    within: limits.queuedControlFrames + 2,
    code: ENHANCE_YOUR_CALM,
  },
  'PRIORITY for one stream': {
    send: (peer) => peer.send(frame(types.priority, 0, 1, Buffer.from([0, 0, 0, 3, 0]))),
    within: limits.priorityFramesPerStream + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'WINDOW_UPDATE beyond the window of the connection': {
    send: (peer) => peer.send(frame(types.windowUpdate, 0, 0, uint32(2 ** 31 - 1))),
    within: 1,
    code: FLOW_CONTROL_ERROR,
  },
  'WINDOW_UPDATE of one': {
    send: (peer) => peer.send(frame(types.windowUpdate, 0, 0, uint32(1))),
    within: limits.windowUpdatesPerData + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'DATA of no bytes': {
    begin: (peer) => peer.send(peer.post(1)),
    send: (peer) => peer.send(frame(types.data, 0, 1)),
    within: limits.emptyFramesInARow + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'trailers without END_STREAM': {
    send: (peer, n) => peer.send(peer.post(id(n)), peer.headers(id(n), [['x-sum', '1']], false)),
    within: limits.resetBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'RST_STREAM after GOAWAY': {
    begin: (peer) => {
      peer.send(peer.post(1));
      peer.connection.goAway(1, 0, '');
    },
    send: (peer, n) => peer.send(frame(types.rstStream, 0, id(n + 1), uint32(8))),
    within: limits.idleFrameBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'unknown frame types': {
    send: (peer) => peer.send(frame(0xbb, 0, 0, Buffer.alloc(100))),
    within: limits.idleFrameBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'a stream beyond 2^31': {
    begin: (peer) => peer.send(peer.get(2 ** 31 - 1)),
    send: (peer) => peer.send(peer.get(1)),
    within: 1,
    code: PROTOCOL_ERROR,
  },
  'the stream 2^31, which is no stream': {
    send: (peer) => peer.send(frame(types.headers, 5, 2 ** 31, peer.block([[':method', 'GET']]))),
    within: 1,
    code: PROTOCOL_ERROR,
  },
  'fields with empty names and values': {
    send: (peer, n) => peer.send(frame(types.headers, 5, id(n), Buffer.from([0x82, 0x84, 0x86, 0, 0, 0]))),
    within: limits.resetBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'requests beyond the streams that are left half-closed': {
    begin: (peer) => {
      for (let n = 0; n < allowedStreams; n++) {
        peer.send(peer.post(id(n)));
        peer.streams.get(id(n))?.headers([[':status', '200']], true);
      }
    },
    send: (peer, n) => peer.send(peer.post(id(allowedStreams + n))),
    within: limits.resetBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'upper-case names': {
    send: (peer, n) => peer.send(frame(types.headers, 5, id(n), badName('X-Up'))),
    within: limits.resetBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
  'connection-specific names': {
    send: (peer, n) => peer.send(frame(types.headers, 5, id(n), badName('connection'))),
    within: limits.resetBurst + 1,
    code: ENHANCE_YOUR_CALM,
  },
};

/** Streams that a connection allows if nothing else is said. */
const allowedStreams = 100;

/** GET / with one field more. */
function badName(name: string): Buffer {
  const text = Buffer.from(name, 'latin1');
  return Buffer.concat([Buffer.from([0x82, 0x84, 0x86, 0x00, text.length]), text, Buffer.from([0x01, 0x61])]);
}

describe('a flood ends its connection', () => {
  test.each(Object.entries(floods))('%s', (_, { begin, send, within, code }) => {
    const peer = new RawPeer('server');
    begin?.(peer);
    let sent = 0;
    while (!peer.connection.isClosed && sent <= within) {
      send(peer, sent++);
      if (peer.writeResult !== 'full') peer.connection.flushNow();
    }
    expect(peer.told.at(-1)).toEqual({ what: 'closed', by: 'error', code });
    expect(sent).toBeLessThanOrEqual(within);
    expect(peer.isWriterClosed).toBe(true);
    expect(peer.connection.openStreams).toBe(0);
    const ids = (...words: string[]) =>
      peer.told.flatMap((one) => ('id' in one && words.includes(one.what) ? [one.id] : []));
    expect(ids('ended', 'reset').sort(), 'each that began is told to its end once').toEqual(ids('headers').sort());
  });
});

describe('a list of headers that grows costs its stream and no memory', () => {
  test('60,000 references to one long field', () => {
    const peer = new RawPeer('server');
    const long = peer.block([[':method', 'GET']]);
    const literal = Buffer.concat([Buffer.from([0x40, 0x01, 0x78, 0x7f, 0x81, 0x1e]), Buffer.alloc(4_000, 0x61)]);
    peer.send(frame(types.headers, 5, 1, Buffer.concat([long, literal, Buffer.alloc(12_000, 0xbe)])));
    expect(peer.words()).toEqual([`RST_STREAM 1 code ${ENHANCE_YOUR_CALM}`]);
    expect(peer.told).toEqual([]);
  });

  test('4,000 cookie crumbs', () => {
    const peer = new RawPeer('server');
    const crumbs = Buffer.concat(Array.from({ length: 4_000 }, () => Buffer.from([0x0f, 0x11, 0x01, 0x61])));
    peer.send(
      frame(types.headers, 5, 1, Buffer.concat([peer.block([[':method', 'GET']]), crumbs.subarray(0, 16_000)])),
    );
    expect(peer.words()).toEqual([`RST_STREAM 1 code ${ENHANCE_YOUR_CALM}`]);
  });

  test('fields with empty names are malformed', () => {
    const peer = new RawPeer('server');
    peer.send(frame(types.headers, 5, 1, Buffer.from([0x82, 0x84, 0x86, 0x00, 0x00, 0x00])));
    expect(peer.words()).toEqual([`RST_STREAM 1 code ${PROTOCOL_ERROR}`]);
  });
});

describe('what a slow peer can hold is bounded', () => {
  test('streams beyond the limit are refused, and the others go on', () => {
    const peer = new RawPeer('server', { settings: { maxConcurrentStreams: 2 } });
    peer.send(peer.post(1), peer.post(3), peer.post(5), frame(types.data, 1, 1, Buffer.from('x')));
    expect(peer.words()).toEqual([`RST_STREAM 5 code ${REFUSED_STREAM}`]);
    expect(peer.told.map((one) => one.what)).toEqual(['headers', 'headers', 'data']);
  });

  test('a peer that never acknowledges our settings is held to them all the same', () => {
    const settings = { maxConcurrentStreams: 1, maxHeaderListBytes: 200 };
    const peer = new RawPeer('server', { settings }, false);
    peer.send(preface, frame(types.settings, 0, 0));
    peer.frames();
    const long = peer.headers(
      1,
      [
        [':method', 'GET'],
        ['x-long', 'v'.repeat(200)],
      ],
      true,
    );
    peer.send(long, peer.post(3), peer.post(5), frame(types.data, 0, 3, Buffer.alloc(16_384)));
    expect(peer.connection.isAcknowledged).toBe(false);
    expect(peer.words()).toEqual([`RST_STREAM 1 code ${ENHANCE_YOUR_CALM}`, `RST_STREAM 5 code ${REFUSED_STREAM}`]);
    expect(peer.told.map((one) => one.what)).toEqual(['headers', 'data']);
  });

  test('with every window at zero nothing is framed, and the queue can be read', () => {
    const peer = new RawPeer('server');
    peer.send(frame(types.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    for (let n = 0; n < 100; n++) peer.send(peer.get(id(n)));
    for (const stream of peer.streams.values()) stream.data(Buffer.alloc(1_000), true);
    expect(peer.words()).toEqual(['SETTINGS ACK']);
    expect(peer.connection.queuedBytes).toBe(100_000);
    expect(peer.streams.get(1)?.queuedBytes).toBe(1_000);
    peer.send(frame(types.rstStream, 0, 1, uint32(8)));
    expect(peer.connection.queuedBytes).toBe(99_000);
  });

  test('data of one byte a frame is legal, and costs no frame back before half the window', () => {
    const peer = new RawPeer('server');
    peer.send(peer.post(1));
    for (let n = 0; n < 10_000; n++) peer.send(frame(types.data, 0, 1, Buffer.from('x')));
    expect(peer.words()).toEqual([]);
    expect(peer.connection.isClosed).toBe(false);
  });

  test('resets at an honest pace are no flood', () => {
    const peer = new RawPeer('server');
    for (let n = 0; n < 1_000; n++) {
      peer.nowMs += 1_000 / limits.resetsPerSecond;
      peer.send(peer.get(id(n)), frame(types.rstStream, 0, id(n), uint32(8)));
      peer.connection.flushNow();
    }
    expect(peer.connection.isClosed).toBe(false);
  });
});
