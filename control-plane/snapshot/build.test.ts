import { expect, test } from 'vitest';
import { contentHash, decode, encode } from '../../proto/codec.ts';
import { typeUrls } from '../../proto/type-urls.ts';
import { buildSnapshot, type Resources, sameContent } from './build.ts';
import { diffTypes } from './diff.ts';
import { expiring, heartbeat } from './encode-ttl.ts';
import { type EncodedResource, type Snapshot, wholeOf } from './snapshot.ts';
import { field } from './wire.ts';

const cluster = (name: string, altStatName = ''): Uint8Array =>
  encode('envoy.config.cluster.v3.Cluster', { name, alt_stat_name: altStatName });

const resources = (given: Resources): Resources => given;

const clusters = (...names: string[]) => resources({ clusters: names.map((name) => ({ name, value: cluster(name) })) });

function resourceOf(snapshot: ReturnType<typeof buildSnapshot>, name: string): EncodedResource {
  const resource = snapshot.types.clusters.resources.get(name);
  if (resource === undefined) throw new Error(`no cluster ${name}`);
  return resource;
}

test('resources stand in name order, whatever order they came in, from lists and from maps', () => {
  const fromList = buildSnapshot('edge', 1, clusters('b', 'Z', 'a'));
  expect([...fromList.types.clusters.resources.keys()]).toEqual(['Z', 'a', 'b']);
  const map = new Map(['a', 'b', 'Z'].map((name) => [name, cluster(name)]));
  const fromMap = buildSnapshot('edge', 1, resources({ clusters: map }));
  expect([...fromMap.types.clusters.resources.keys()]).toEqual(['Z', 'a', 'b']);
  expect(fromMap.types.clusters.version).toBe(fromList.types.clusters.version);
});

test('two resources of one name are refused', () => {
  expect(() => buildSnapshot('edge', 1, clusters('a', 'a'))).toThrow('"a"');
});

// one length byte, two, three
test.each([10, 1_000, 100_000])('a resource of %i bytes reads the same in both variants', (size) => {
  const value = cluster('tenant/ördersé', 'x'.repeat(size));
  const snapshot = buildSnapshot('edge', 1, resources({ clusters: [{ name: 'tenant/ördersé', value }] }));
  const resource = resourceOf(snapshot, 'tenant/ördersé');
  expect(resource.version).toBe(contentHash(value));
  expect(Buffer.compare(resource.value, value)).toBe(0);

  const any = { type_url: typeUrls.clusters, value: Buffer.from(value) };
  const sotw = decode('envoy.service.discovery.v3.DiscoveryResponse', resource.sotwField);
  expect(sotw.resources).toEqual([any]);
  const delta = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', resource.deltaField);
  expect(delta.resources).toEqual([{ name: 'tenant/ördersé', version: resource.version, resource: any }]);
});

test('70. a time to live is part of the version; its forms are made once, and share the bytes of the resource', () => {
  const mortal = (ttlMs: number, previous?: ReturnType<typeof buildSnapshot>) =>
    buildSnapshot('edge', 1, clusters('a'), previous, ttlMs);
  const [forever, second, third] = [mortal(0), mortal(1500), mortal(3000)];
  expect(new Set([forever, second, third].map((snapshot) => resourceOf(snapshot, 'a').version)).size).toBe(3);
  expect(mortal(1500, second).types.clusters).toBe(second.types.clusters);
  const resource = resourceOf(second, 'a');
  expect(expiring(resource)).toBe(expiring(resource));
  expect(heartbeat(resource)).toBe(heartbeat(resource));
  expect(expiring(resource).delta).toContain(resource.sotwField);
  expect(expiring(resource).sotw).toContain(resource.sotwField);
  const sent = Buffer.concat(expiring(resource).delta);
  const delta = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', sent);
  expect(delta.resources).toMatchObject([
    { name: 'a', version: resource.version, resource: { type_url: typeUrls.clusters }, ttl: { nanos: 500_000_000 } },
  ]);
});

test('a message without any field set is a resource like any other', () => {
  const snapshot = buildSnapshot('edge', 1, resources({ clusters: [{ name: 'empty', value: new Uint8Array() }] }));
  const delta = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', resourceOf(snapshot, 'empty').deltaField);
  expect(delta.resources).toMatchObject([{ name: 'empty', resource: { type_url: typeUrls.clusters } }]);
});

test('what did not change keeps its identity, and a type without a change keeps its own', () => {
  const one = buildSnapshot('edge', 1, clusters('a', 'b'));
  const two = buildSnapshot('edge', 2, clusters('a', 'b'), one);
  expect(two.revision).toBe(2);
  expect(two.types.clusters).toBe(one.types.clusters);
  expect(sameContent(one, two)).toBe(true);

  const changed = [
    { name: 'a', value: cluster('a', 'other') },
    { name: 'b', value: cluster('b') },
  ];
  const three = buildSnapshot('edge', 3, resources({ clusters: changed }), two);
  expect(resourceOf(three, 'b')).toBe(resourceOf(two, 'b'));
  expect(resourceOf(three, 'a').version).not.toBe(resourceOf(two, 'a').version);
  expect(three.types.clusters.version).not.toBe(two.types.clusters.version);
  expect(three.types.routes).toBe(one.types.routes);
  expect(sameContent(two, three)).toBe(false);
});

test('the version of a type depends on names and contents alone', () => {
  const one = buildSnapshot('edge', 1, clusters('a', 'b'));
  expect(buildSnapshot('other', 9, clusters('b', 'a')).types.clusters.version).toBe(one.types.clusters.version);
  expect(buildSnapshot('edge', 1, clusters('a')).types.clusters.version).not.toBe(one.types.clusters.version);
  expect(buildSnapshot('edge', 1, clusters()).types.clusters.version).not.toBe('');
});

test('a difference names what changed and what went, and is worked out once', () => {
  const one = buildSnapshot('edge', 1, clusters('a', 'b', 'c')).types.clusters;
  const mixed = [
    ...['c', 'd'].map((name) => ({ name, value: cluster(name) })),
    { name: 'b', value: cluster('b', 'x') },
  ];
  const two = buildSnapshot('edge', 2, resources({ clusters: mixed })).types.clusters;
  const diff = diffTypes(one, two);
  expect(diff.changed.map(({ name }) => name)).toEqual(['b', 'd']);
  expect(diff.removed.map(({ name }) => name)).toEqual(['a']);
  expect(diffTypes(one, two)).toBe(diff);
  const again = buildSnapshot('edge', 3, clusters('a', 'b', 'c')).types.clusters;
  expect(diffTypes(one, again)).toEqual({ changed: [], removed: [] });
});

test('lengths are written as varints', () => {
  expect([...field(4, 'ab')]).toEqual([0x22, 2, 0x61, 0x62]);
  expect([...field(2, Buffer.alloc(300)).subarray(0, 3)]).toEqual([0x12, 0xac, 0x02]);
});

test('what is only for those who name it stands beside what is for all, and each keeps its identity', () => {
  const make = (names: string[], hidden: string[], previous?: Snapshot) => {
    const list = [...names, ...hidden].map((name) => ({ name, value: cluster(name), byName: hidden.includes(name) }));
    return buildSnapshot('edge', 1, resources({ clusters: list }), previous);
  };
  const plain = make(['a', 'b'], []);
  expect(plain.types.clusters.byName).toBeUndefined();
  const one = make(['a', 'b'], ['g'], plain);
  expect(one.types.clusters.version).toBe(plain.types.clusters.version);
  expect(sameContent(plain, one)).toBe(false);
  expect([...one.types.clusters.resources.keys()]).toEqual(['a', 'b']);
  expect([...wholeOf(one.types.clusters).resources.keys()]).toEqual(['a', 'b', 'g']);
  expect(make(['a', 'b'], ['g'], one).types.clusters).toBe(one.types.clusters);
  const two = make(['a'], ['b', 'g'], one);
  expect(two.types.clusters.byName).toBe(one.types.clusters.byName);
  expect([...two.types.clusters.resources.keys()]).toEqual(['a']);
});
