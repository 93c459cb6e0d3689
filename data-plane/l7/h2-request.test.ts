import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { H2Request } from './h2-request.ts';

test('a client that was stopped is stopped until it is told to go on, whatever it sends meanwhile', () => {
  const stream = { queuedBytes: 0 };
  const request = new H2Request({ isReused: false, request: () => stream } as never);
  let drains = 0;
  const replay = { data: [], trailers: null, isEnded: false, fieldsWith: () => [] } as never;
  request.begin({ upgrade: null, onUpstreamDrain: () => drains++ } as never, replay);
  request.resend(replay, 0);
  expect(request.flush()).toBe(true);
  stream.queuedBytes = limits.streamBufferBytes;
  expect(request.flush()).toBe(false);
  // some of it is out, and some more has come
  stream.queuedBytes = limits.streamBufferBytes - 1;
  expect(request.flush()).toBe(false);
  request.onTaken();
  expect(drains).toBe(0);
  stream.queuedBytes = 0;
  request.onTaken();
  expect([drains, request.flush()]).toEqual([1, true]);
});
