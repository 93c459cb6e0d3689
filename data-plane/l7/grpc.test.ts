import { expect, test } from 'vitest';
import type { MessageHead } from '../codec/message-head.ts';
import { grpcReply, isGrpcRequest, readGrpcTimeout, roundedMs, streamMs } from './grpc.ts';
import { localReplies } from './local-reply.ts';
import { RequestTarget } from './request-target.ts';

const headOf = (headers: Record<string, string>) => ({ first: (name: string) => headers[name] ?? '' }) as MessageHead;

test.each([
  ['POST', 'application/grpc', true],
  ['POST', 'application/grpc+proto', true],
  ['POST', 'Application/gRPC;x=y', true],
  ['POST', 'application/grpc-web', false],
  ['POST', 'application/grpcx', false],
  ['POST', '', false],
  ['GET', 'application/grpc', false],
])('a gRPC request: %s %s is %s', (method, type, expected) => {
  expect(isGrpcRequest(method, headOf({ 'content-type': type }))).toBe(expected);
});

test.each([
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['3S', 3_000],
  ['4m', 4],
  ['1u', 1],
  ['1500u', 2],
  ['99999999n', 100],
  ['0n', 0],
  ['', -1],
  ['m', -1],
  ['100', -1],
  ['123456789m', -1],
  ['-1m', -1],
])('grpc-timeout %s is %d ms', (value, ms) => {
  expect(readGrpcTimeout(value)).toBe(ms);
});

test.each([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
  [421, 2],
  [500, 2],
  [307, 2],
])('an answer of %d is gRPC status %d', (status, grpcStatus) => {
  const { headers, body, ...rest } = grpcReply({ ...localReplies.notFound, status });
  expect(rest).toMatchObject({ status: 200, grpcStatus, headOnly: true });
  expect([body, headers]).toEqual([
    '',
    [
      ['content-type', 'application/grpc'],
      ['grpc-status', `${grpcStatus}`],
    ],
  ]);
});

test('its text is percent-encoded, its own headers stay, its content-type does not', () => {
  const headers = [
    ['content-type', 'text/html'],
    ['location', '/x'],
  ] as const;
  const body = Buffer.from('100% wrong\nhost é', 'utf8').toString('latin1');
  expect(grpcReply({ ...localReplies.maxStreamDuration, headers, body }).headers).toEqual([
    ['location', '/x'],
    ['content-type', 'application/grpc'],
    ['grpc-status', '4'],
    ['grpc-message', '100%25 wrong%0Ahost %C3%A9'],
  ]);
});

test.each<[string, number, number | null, string, number, string | undefined]>([
  ['nothing said', 0, null, '3S', -1, undefined],
  ['a limit', 700, null, '3S', 700, '700m'],
  ['the deadline, whatever it is', 0, 0, '3S', 3_000, undefined],
  ['the deadline, in place of the limit', 700, 0, '3S', 3_000, undefined],
  ['the deadline up to a cap', 700, 500, '3S', 500, '500m'],
  ['a deadline below the cap', 700, 500, '90m', 90, undefined],
  ['none that can be read', 700, 500, 'soon', 700, '700m'],
  ['none at all', 0, 500, '', -1, undefined],
  ['a deadline that is over', 700, 500, '0m', 0, undefined],
  ['a limit of days', 200_000_000, 0, '', 200_000_000, '200000S'],
  ['a limit beyond what can be counted', 2_000_000_000, null, '', -1, '2000000S'],
])('how long a stream may last: %s', (_, maxMs, grpcMaxMs, said, expected, told) => {
  const target = new RequestTarget();
  target.clear();
  const head = headOf({ 'grpc-timeout': said });
  expect(streamMs({ maxMs, grpcMaxMs }, head, true, target)).toBe(expected);
  expect(target.added).toEqual(told === undefined ? [] : [['grpc-timeout', told]]);
  expect(target.nominated?.has('grpc-timeout') ?? false).toBe(told !== undefined);
});

test('few lengths of time are in use, none shorter than asked and none longer by more than 1/16', () => {
  const lengths = new Set<number>();
  for (let ms = 1; ms < 2 ** 30; ms = Math.ceil(ms * 1.003)) {
    const rounded = roundedMs(ms);
    lengths.add(rounded);
    expect(rounded).toBeGreaterThanOrEqual(ms);
    expect(rounded).toBeLessThanOrEqual(Math.max(ms + 10, ms * (17 / 16)));
  }
  expect(lengths.size).toBeLessThan(500);
});
