import { expect, test } from 'vitest';
import { finishTable, type TableHost } from './hash-table.ts';
import { murmurHash64 } from './murmur-hash64.ts';
import { type Ring, type RingSettings, ringSteps } from './ring.ts';
import { equalHosts, fromBigInt, manyHosts, toBigInt, xxHashOf } from './testing.ts';
import { TextBytes } from './text-bytes.ts';

const envoyMost = 8_388_608;
const greatest = 2n ** 64n - 1n;

function ringOf(hosts: readonly TableHost[], minSize: number, rest: Partial<RingSettings> = {}): Ring {
  return finishTable(ringSteps({ function: 'xx-hash', minSize, maxSize: envoyMost, ...rest }, hosts)) as Ring;
}

const local = (ports: readonly number[]): TableHost[] => equalHosts(ports.map((port) => `127.0.0.1:${port}`));

/** `hash host`, in order: each entry is the first one for its hash, and no longer for what comes after it. */
function expectEntries(ring: Ring, names: readonly unknown[], entries: readonly string[]): void {
  const expected = entries.map((entry) => entry.split(' ') as [string, string]);
  const after = [...expected.slice(1), expected[0]!];
  expect(ring.size).toBe(entries.length);
  const pick = (hash: bigint): string => String(names[ring.pick(fromBigInt(hash), 0)]);
  expect(expected.map(([hash]) => `${hash} ${pick(BigInt(hash))}`)).toEqual(entries);
  expect(expected.map(([hash]) => pick(BigInt(hash) + 1n))).toEqual(after.map(([, host]) => host));
}

/** Envoy's test/extensions/load_balancing_policies/ring_hash/ring_hash_lb_test.cc, `Basic`. */
const basicPorts = [90, 91, 92, 93, 94, 95];

test('six equal hosts make the ring that Envoy makes', () => {
  expectEntries(ringOf(local(basicPorts), 12), basicPorts, [
    '833437586790550860 94',
    '928266305478181108 92',
    '1033482794131418490 90',
    '3551244743356806947 95',
    '3851675632748031481 93',
    '5583722120771150861 91',
    '6311230543546372928 91',
    '7700377290971790572 93',
    '13144177310400110813 95',
    '13444792449719432967 92',
    '15516499411664133160 94',
    '16117243373044804889 90',
  ]);
});

test.each([
  [0n, 0, 94],
  [greatest, 0, 94],
  [3551244743356806947n, 0, 95],
  [3551244743356806948n, 0, 93],
  [16117243373044804880n, 0, 90],
  [0n, 1, 92],
  [0n, 2, 90],
  [0n, 13, 92],
  [greatest, 12, 94],
])('hash %i at attempt %i goes to :%i', (hash, attempt, port) => {
  expect(basicPorts[ringOf(local(basicPorts), 12).pick(fromBigInt(hash), attempt)]).toBe(port);
});

test('an entry a host more than asked for is made where the share is no whole number', () => {
  const ring = ringOf(local([80, 81]), 3);
  expectEntries(
    ring,
    [80, 81],
    ['5454692015285649509 80', '7859399908942313493 81', '13838424394637650569 80', '16064866803292627174 81'],
  );
  expect(ring.pick(fromBigInt(0n), 0)).toBe(0);
  expectEntries(
    ringOf(local([81, 82]), 3),
    [81, 82],
    ['7859399908942313493 81', '8241336090459785962 82', '12882406409176325258 82', '16064866803292627174 81'],
  );
});

test('weights decide how many entries a host has, and the largest size bounds them', () => {
  const hosts = [3, 3, 4].map((weight, index) => ({ key: 'abc'[index]!, weight: weight / 10 }));
  const ring = ringOf(hosts, 10, { maxSize: 20 });
  expectEntries(
    ring,
    ['a', 'b', 'c'],
    [
      '4148279810343392165 a',
      '4189641231046734040 b',
      '5051629784258667479 c',
      '5637671355026233228 b',
      '6560897439782492108 b',
      '7866922100246443948 a',
      '8142612688290817183 c',
      '14554126711339088812 c',
      '14801583559950740418 c',
      '18017992814255492179 a',
    ],
  );
  expect(ringOf(hosts, 10, { maxSize: 4 }).size).toBe(4);
});

test('by MurmurHash2 it is the same keys that are hashed', () => {
  const names = [80, 81];
  const text = new TextBytes();
  const entries = ['80_0', '80_1', '81_0', '81_1'].map((suffix) => {
    const hash = { high: 0, low: 0 };
    murmurHash64(text.bytes, text.putLatin1(`127.0.0.1:${suffix}`), hash);
    return { hash: toBigInt(hash), name: suffix.slice(0, 2) };
  });
  entries.sort((a, b) => (a.hash < b.hash ? -1 : 1));
  const ring = ringOf(local(names), 4, { function: 'murmur-hash-2' });
  expectEntries(
    ring,
    names,
    entries.map(({ hash, name }) => `${hash} ${name}`),
  );
});

test('nobody is picked of nobody', () => {
  expect(ringOf([], 1_024).pick(fromBigInt(5n), 0)).toBe(-1);
});

test('a hash finds what a walk along the ring finds, hosts of one key included', () => {
  const keys = [...manyHosts(60), ...manyHosts(5)];
  const ring = ringOf(equalHosts(keys), 5_005);
  const entries = keys.flatMap((key, host) => {
    return Array.from({ length: 77 }, (_, number) => ({ hash: toBigInt(xxHashOf(`${key}_${number}`)), host }));
  });
  expect(ring.size).toBe(entries.length);
  // the sort keeps those of one hash in order
  entries.sort((a, b) => (a.hash === b.hash ? 0 : a.hash < b.hash ? -1 : 1));
  for (let key = 0; key < 500; key++) {
    const hash = xxHashOf(`key-${key}`);
    const first = entries.find((entry) => entry.hash >= toBigInt(hash)) ?? entries[0]!;
    expect(ring.pick(hash, 0)).toBe(first.host);
  }
});

/** By an independent implementation: 20,000 keys, a host gone. Entries a host change with their number, so more moves. */
test.each([
  [10, 8200, 8199, 2040, 1567],
  [100, 8200, 8217, 223, 185],
])('of %i hosts one goes: the ring has %i and then %i entries, %i keys were on it, %i others move', (...expected) => {
  const [count, ...numbers] = expected;
  const keys = manyHosts(count);
  const gone = keys[count / 2]!;
  const rest = keys.filter((key) => key !== gone);
  const [before, after] = [ringOf(equalHosts(keys), 8_192), ringOf(equalHosts(rest), 8_192)];
  let had = 0;
  let moved = 0;
  for (let key = 0; key < 20_000; key++) {
    const hash = xxHashOf(`key-${key}`);
    const one = keys[before.pick(hash, 0)]!;
    if (one === gone) had++;
    else if (one !== rest[after.pick(hash, 0)]) moved++;
  }
  expect([before.size, after.size, had, moved]).toEqual(numbers);
});

test('where entries a host stay as many, only the keys of the host that goes move', () => {
  const keys = manyHosts(20);
  const rest = keys.filter((_, index) => index !== 5);
  const [before, after] = [ringOf(equalHosts(keys), 2_000), ringOf(equalHosts(rest), 1_900)];
  for (let key = 0; key < 5_000; key++) {
    const hash = xxHashOf(`key-${key}`);
    const one = keys[before.pick(hash, 0)]!;
    if (one !== keys[5]) expect(rest[after.pick(hash, 0)]).toBe(one);
  }
});

test('a host has the part of all hashes that lies before its entries', () => {
  const shares = ringOf(local([80, 81]), 3).shares(2);
  const places = [5454692015285649509n, 7859399908942313493n, 13838424394637650569n, 16064866803292627174n] as const;
  const first = Number(2n ** 64n - places[3] + places[0] + places[2] - places[1]) / 2 ** 64;
  expect(shares[0]).toBeCloseTo(first, 12);
  expect(shares[1]).toBeCloseTo(1 - first, 12);
});
