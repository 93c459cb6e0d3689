import { expect, test } from 'vitest';
import { flowsLeft, portOf } from './flows.ts';
import { readCounts } from './read-back.ts';
import { Tally } from './tally.ts';
import { listedCounts } from './testing.ts';

const key = '8000 . 10.0.0.1 . 9000';
const counts = (packets: number) => new Map([[key, { packets, bytes: 0 }]]);
const traffic = (sent: number, received: number) =>
  new Map([
    [`original . ${key}`, { packets: 0, bytes: sent }],
    [`reply . ${key}`, { packets: 0, bytes: received }],
  ]);

test('what came on top is told once', () => {
  const tally = new Tally(true);
  expect(tally.take(counts(2), traffic(30, 40))).toEqual([{ key, flows: 2, sentBytes: 30, receivedBytes: 40 }]);
  expect(tally.take(counts(2), traffic(30, 40))).toEqual([]);
  expect(tally.take(counts(3), traffic(35, 40))).toEqual([{ key, flows: 1, sentBytes: 5, receivedBytes: 0 }]);
});

test("what an earlier life counted is not this one's, and a counter that began anew counts whole", () => {
  const tally = new Tally(false);
  expect(tally.take(counts(200), traffic(1, 1))).toEqual([]);
  expect(tally.take(counts(201), traffic(1, 1))).toMatchObject([{ flows: 1 }]);
  expect(tally.take(counts(4), traffic(1, 1))).toMatchObject([{ flows: 4, sentBytes: 0 }]);
});

test('counters are read from what nft tells of a set', () => {
  expect(readCounts(listedCounts('s', new Map([[key, 3]])))).toEqual(new Map([[key, { packets: 3, bytes: 3 }]]));
  expect(readCounts(JSON.stringify({ nftables: [{ set: { name: 's' } }] }))).toEqual(new Map());
});

const line = (state: string, to: string, from: string) =>
  `ipv4     2 tcp      6 3599 ${state} src=10.7.0.2 dst=10.7.0.1 sport=4 dport=${to} src=${from} dst=10.7.1.1 sport=9000 dport=4 [ASSURED] mark=0 use=2`;
const udpLine =
  'ipv6     10 udp      17 29 src=fd00::2 dst=fd00::1 sport=4 dport=53 src=fd00::9 dst=fd00::1 sport=53 dport=4 mark=0 use=2';

test('flows that were sent on from our ports are left, save those that are over', () => {
  const ports = new Set([portOf('tcp', key), portOf('udp', '53 . fd00::9 . 53')]);
  const list = [
    line('ESTABLISHED', '8000', '10.7.1.2'),
    line('SYN_SENT', '8000', '10.7.1.2'),
    line('TIME_WAIT', '8000', '10.7.1.2'),
    line('CLOSE', '8000', '10.7.1.2'),
    line('ESTABLISHED', '8001', '10.7.1.2'),
    udpLine,
    '',
  ];
  expect(flowsLeft(list.join('\n'), ports)).toBe(3);
  expect(flowsLeft('', ports)).toBe(0);
});

test('a connection that user space took itself is not the kernel’s', () => {
  const own = line('ESTABLISHED', '9000', '10.7.0.1');
  expect(flowsLeft(own, new Set(['tcp 9000']))).toBe(0);
});
