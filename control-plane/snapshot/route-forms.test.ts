import { expect, test } from 'vitest';
import { decode, encode } from '../../proto/codec.ts';
import { buildSnapshot } from './build.ts';
import { checkSnapshot } from './check.ts';
import { referencesOf } from './references.ts';
import type { Snapshot } from './snapshot.ts';

const host = (name: string, path = '/') => ({
  name,
  domains: [name],
  routes: [{ match: { prefix: path }, route: { cluster: name } }],
});
const base = { name: 'public', ignore_port_in_host_matching: true };

/** A RouteConfiguration with these hosts, each as a resource; their clusters are there. */
function snapshotOf(hosts: readonly ReturnType<typeof host>[], previous?: Snapshot): Snapshot {
  const value = encode('envoy.config.route.v3.RouteConfiguration', base);
  const resources = {
    clusters: hosts.map(({ name }) => ({ name, value: encode('envoy.config.cluster.v3.Cluster', { name }) })),
    routes: [{ name: 'public', value, hosts: hosts.map(({ name }) => name) }],
    virtualHosts: hosts.map((one) => ({ name: one.name, value: encode('envoy.config.route.v3.VirtualHost', one) })),
  };
  return buildSnapshot('edge', 1, resources, previous);
}

const routes = (snapshot: Snapshot, form: 'types' | 'hostsApart') => snapshot[form].routes.resources.get('public')!;
const decoded = (snapshot: Snapshot, form: 'types' | 'hostsApart') =>
  decode('envoy.config.route.v3.RouteConfiguration', routes(snapshot, form).value);

test('one form holds the virtual hosts, the other says that they come over the same stream', () => {
  const hosts = [host('a'), host('b')];
  const snapshot = snapshotOf(hosts);
  expect(decoded(snapshot, 'types')).toEqual({ ...base, virtual_hosts: hosts });
  const vhds = { config_source: { ads: {}, resource_api_version: 'V3' } };
  expect(decoded(snapshot, 'hostsApart')).toEqual({ ...base, vhds });
  expect(routes(snapshot, 'types').version).not.toBe(routes(snapshot, 'hostsApart').version);
});

test('a host that changes, comes or goes changes the form that holds it, and leaves the other as it is', () => {
  const before = snapshotOf([host('a'), host('b')]);
  for (const hosts of [[host('a'), host('b', '/x')], [host('a')], [host('a'), host('b'), host('c')], []]) {
    const after = snapshotOf(hosts, before);
    expect(after.hostsApart.routes).toBe(before.hostsApart.routes);
    expect(after.types.routes.version).not.toBe(before.types.routes.version);
    expect(decoded(after, 'types').virtual_hosts ?? []).toEqual(hosts);
  }
  const same = snapshotOf([host('a'), host('b')], before);
  expect(same.types.routes).toBe(before.types.routes);
});

test('both variants carry the very bytes of the form', () => {
  const { sotwField, deltaField, value } = routes(snapshotOf([host('a')]), 'types');
  const sotw = decode('envoy.service.discovery.v3.DiscoveryResponse', sotwField);
  expect(sotw.resources).toMatchObject([{ value: Buffer.from(value) }]);
  const delta = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', deltaField);
  expect(delta.resources).toMatchObject([{ name: 'public', resource: { value: Buffer.from(value) } }]);
});

test('the form with hosts names the clusters that they name', () => {
  const snapshot = snapshotOf([host('a'), host('b')]);
  expect(referencesOf('routes', routes(snapshot, 'types')).clusters).toEqual(['a', 'b']);
  expect(referencesOf('routes', routes(snapshot, 'hostsApart')).clusters).toEqual([]);
  // nobody asks for it, but what it names is there
  expect(checkSnapshot(snapshot)).toEqual(['RouteConfiguration public is named by nothing in the snapshot']);
});

test('A15. a host without its RouteConfiguration is found, and one that is not there is refused', () => {
  const value = encode('envoy.config.route.v3.VirtualHost', { name: 'lost' });
  const lost = buildSnapshot('edge', 1, { virtualHosts: [{ name: 'lost', value }] });
  expect(checkSnapshot(lost)).toEqual(['VirtualHost lost is named by nothing in the snapshot']);
  const routesAlone = { routes: [{ name: 'public', value: new Uint8Array(), hosts: ['nowhere'] }] };
  expect(() => buildSnapshot('edge', 1, routesAlone)).toThrow('"nowhere"');
});
