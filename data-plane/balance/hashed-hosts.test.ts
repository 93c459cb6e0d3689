import { expect, test } from 'vitest';
import { manyHosts, xxHashOf } from '../../proto/hashing/testing.ts';
import type { EndpointConfig } from '../model/config.ts';
import { endpointOf, nowhere } from '../testing.ts';
import { type HashedHost, HashedHosts, type HashingConfig } from './hashed-hosts.ts';
import { TableBuilder } from './table-builder.ts';
import { TestTurns } from './testing.ts';

interface TestHost extends HashedHost {
  active: number;
}

const any = { useHostname: false, boundedLoadPercent: 0 };
const maglev: HashingConfig = { type: 'maglev', tableSize: 65_537, ...any };
const smallMaglev: HashingConfig = { ...maglev, tableSize: 251 };
const ring: HashingConfig = { type: 'ring-hash', function: 'xx-hash', minSize: 1_024, maxSize: 8_388_608, ...any };
const keys = Array.from({ length: 300 }, (_, index) => xxHashOf(`key-${index}`));

function hostsOf(names: readonly string[], rest: Partial<EndpointConfig> = {}): TestHost[] {
  return names.map((key) => ({ config: { ...endpointOf(1, rest), key }, active: 0 }));
}

function start() {
  const turns = new TestTurns();
  let active = 0;
  const hashed = new HashedHosts<TestHost>({ builder: new TableBuilder(turns), totalActive: () => active });
  const picks = (attempt = 0): (string | undefined)[] => keys.map((key) => hashed.pick(key, attempt)?.config.key);
  return { turns, hashed, picks, setActive: (count: number) => (active = count) };
}

test.each([smallMaglev, ring])('$type: a small table serves at once, each key its own endpoint', (config) => {
  const { turns, hashed, picks } = start();
  hashed.set(config, hostsOf(manyHosts(10)), null);
  expect(turns.waiting).toBe(0);
  const first = picks();
  expect(new Set(first).size).toBe(10);
  expect(picks()).toEqual(first);
  expect(picks(1)).not.toEqual(first);
});

test('nobody is picked before there is anybody, of nobody, and after the end', () => {
  const { hashed } = start();
  expect(hashed.pick(keys[0]!, 0)).toBeNull();
  hashed.set(maglev, [], null);
  expect(hashed.pick(keys[0]!, 0)).toBeNull();
  hashed.set(smallMaglev, hostsOf(['a']), null);
  expect(hashed.pick(keys[0]!, 3)?.config.key).toBe('a');
  hashed.close();
  expect(hashed.pick(keys[0]!, 0)).toBeNull();
});

test('until its first table is there, a key has one endpoint all the same', () => {
  const { turns, hashed, picks } = start();
  hashed.set(maglev, hostsOf(manyHosts(10)), null);
  const meanwhile = picks();
  expect(turns.waiting).toBe(1);
  expect(new Set(meanwhile).size).toBe(10);
  expect(picks()).toEqual(meanwhile);
  turns.nextAll();
  expect(picks()).not.toEqual(meanwhile);
});

test('the old table serves until the new one is there, without those who are gone', () => {
  const { turns, hashed, picks } = start();
  const hosts = hostsOf(manyHosts(10));
  hashed.set(maglev, hosts, null);
  turns.nextAll();
  const before = picks();
  const rest = hosts.filter((_, index) => index !== 3);
  hashed.set(maglev, rest, null);
  const meanwhile = picks();
  expect(turns.waiting).toBe(1);
  before.forEach((key, index) => {
    if (key === hosts[3]!.config.key) expect(meanwhile[index]).not.toBe(key);
    else expect(meanwhile[index]).toBe(key);
  });
  turns.nextAll();
  expect(picks()).not.toContain(hosts[3]!.config.key);
  // and when all are others, keys still find somebody
  const others = hostsOf(manyHosts(40).slice(20));
  hashed.set(maglev, others, null);
  expect(new Set(picks()).size).toBe(20);
});

test('of changes that come faster than tables only the last is built', () => {
  const { turns, hashed, picks } = start();
  const hosts = hostsOf(manyHosts(12));
  for (let count = 12; count >= 10; count--) hashed.set(maglev, hosts.slice(0, count), null);
  turns.nextAll();
  const direct = start();
  direct.hashed.set(maglev, hosts.slice(0, 10), null);
  direct.turns.nextAll();
  expect(picks()).toEqual(direct.picks());
});

test('what is said again builds nothing', () => {
  const { turns, hashed } = start();
  const hosts = hostsOf(manyHosts(10));
  hashed.set(maglev, hosts, null);
  hashed.set({ ...maglev }, [...hosts], null);
  expect(turns.waiting).toBe(1);
  turns.nextAll();
  hashed.set(maglev, [...hosts], null);
  expect(turns.waiting).toBe(0);
  hashed.set({ ...maglev, tableSize: 65_539 }, hosts, null);
  expect(turns.waiting).toBe(1);
});

test('an endpoint is known by its key in hashes, else its name where names are asked for, else its address', () => {
  const { hashed, picks } = start();
  const named = hostsOf(['1.1.1.1:1', '1.1.1.2:1']).map((host, index) => {
    return { ...host, config: { ...host.config, hostname: `name-${index}` } };
  });
  const asKeys = (names: readonly string[]): (string | undefined)[] => {
    const direct = start();
    direct.hashed.set(ring, hostsOf(names), null);
    return direct.picks().map((name) => named[names.indexOf(name!)]?.config.key);
  };
  hashed.set(ring, named, null);
  expect(picks()).toEqual(asKeys(['1.1.1.1:1', '1.1.1.2:1']));
  hashed.set({ ...ring, useHostname: true }, named, null);
  expect(picks()).toEqual(asKeys(['name-0', 'name-1']));
  const pinned = named.map((host, index) => ({ ...host, config: { ...host.config, hashKey: `key-${index}` } }));
  hashed.set({ ...ring, useHostname: true }, pinned, null);
  expect(picks()).toEqual(asKeys(['key-0', 'key-1']));
});

test('a locality of no weight gets nothing where localities are weighted', () => {
  const { hashed, picks } = start();
  const there = { ...nowhere, zone: 'a', weight: 1 };
  const hosts = [...hostsOf(['a:1', 'a:2'], { locality: there }), ...hostsOf(['b:1'])];
  hashed.set(ring, hosts, null);
  expect(new Set(picks())).toEqual(new Set(['a:1', 'a:2', 'b:1']));
  hashed.set(ring, hosts, { own: null, totalWeight: 1 });
  expect(new Set(picks())).toEqual(new Set(['a:1', 'a:2']));
});

test('with bounded loads a key whose endpoint is full goes to the same other one each time', () => {
  const { hashed, setActive } = start();
  const hosts = hostsOf(manyHosts(5));
  hashed.set({ ...smallMaglev, boundedLoadPercent: 100 }, hosts, null);
  const own = hashed.pick(keys[0]!, 0)!;
  own.active = 4;
  setActive(4);
  const other = hashed.pick(keys[0]!, 0)!;
  expect(other).not.toBe(own);
  expect(hashed.pick(keys[0]!, 0)).toBe(other);
  own.active = 1;
  expect(hashed.pick(keys[0]!, 0)).toBe(own);
});
