import { expect, test } from 'vitest';
import { encodeResource } from '../snapshot/encode.ts';
import { limits } from './limits.ts';
import { encodeResponse, type Response, responseOf } from './responses.ts';

const resource = (name: string, bytes: number) => encodeResource('routes', name, Buffer.alloc(bytes, name), 0);
const [a, b] = [resource('a', limits.inFlight.bigBytes), resource('b', limits.inFlight.bigBytes)];

const responses = (nonce: string, ...resources: (typeof a)[]): Response =>
  responseOf('delta', 'routes', nonce, { version: 'v', resources, removed: [], news: resources }, 'plain');
const plain = ({ parts }: Response): Buffer => Buffer.concat(parts);

test('a thousand streams that stand alike are sent one and the same encoding of a big response', () => {
  const encodings = Array.from({ length: 1_000 }, () => encodeResponse(responses('1', a, b)));
  expect(new Set(encodings).size).toBe(1);
  expect(encodings[0]?.equals(plain(responses('1', a, b)))).toBe(true);
});

test('another nonce, other resources, or another order are other bytes', () => {
  const different = [responses('1', a, b), responses('2', a, b), responses('1', b, a), responses('1', a)];
  const held = different.map(encodeResponse);
  expect(held.map((bytes, index) => bytes.equals(plain(different[index]!)))).toEqual([true, true, true, true]);
  expect(new Set(held).size).toBe(4);
  // taken turn by turn, as a stream's types are, all four are still shared
  expect(different.map(encodeResponse).every((bytes, index) => bytes === held[index])).toBe(true);
});

test('an equal resource that was encoded anew is not taken for the same, and is sent right', () => {
  const again = responses('1', resource('a', limits.inFlight.bigBytes), b);
  const first = encodeResponse(responses('1', a, b));
  expect(encodeResponse(again)).not.toBe(first);
  expect(encodeResponse(again).equals(first)).toBe(true);
});
