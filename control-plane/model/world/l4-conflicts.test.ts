import { expect, test } from 'vitest';
import { codesOf, puts, removal, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const world = `
{ kind: NodeGroup, name: edge }
---
{ kind: Tenant, name: a, spec: { claims: { host: "*.example.com" } } }
---
{ kind: Tenant, name: b, spec: { claims: { host: "*.example.com" } } }
---
{ kind: Listener, name: tcp, spec: { groups: edge, port: 0, protocol: tcp } }
---
{ kind: Listener, name: tls, spec: { groups: edge, port: 0, protocol: tls-passthrough } }
---
{ kind: Listener, name: udp, spec: { groups: edge, port: 0, protocol: udp } }
---
{ kind: Cluster, tenant: a, name: tcp, spec: { endpoints: [], protocol: tcp } }
---
{ kind: Cluster, tenant: b, name: tcp, spec: { endpoints: [], protocol: tcp } }
---
{ kind: Cluster, name: tcp, spec: { endpoints: [], protocol: tcp } }
---
{ kind: Cluster, name: udp, spec: { endpoints: [], protocol: udp } }
---
{ kind: Cluster, tenant: a, name: udp, spec: { endpoints: [], protocol: udp } }
`;

/** `id`: a name, or `tenant/name`. */
function route(id: string, listener: string, spec = ''): string {
  const [name, tenant] = id.split('/').reverse();
  const owner = tenant === undefined ? '' : `tenant: ${tenant}, `;
  const to = `to: { cluster: ${listener === 'udp' ? 'udp' : 'tcp'} }`;
  return `{ kind: L4Route, ${owner}name: ${name}, spec: { listener: ${listener}, ${to}, ${spec} } }`;
}

const problemsOf = (there: readonly string[], ...written: readonly string[]) =>
  checkChanges(setOf([world, ...there].join('\n---\n')), puts(written.join('\n---\n')));

const names = 'serverNames: [b.example.com, a.example.com]';
const office = 'sources: [10.0.0.0/8, 192.168.0.0/16]';

test.each([
  ['tcp', '', '', '/spec/listener', 'all other connections'],
  ['tcp', office, 'sources: [1.0.0.0/8, 192.168.0.0/16]', '/spec/sources/1', 'from 192.168.0.0/16'],
  ['tcp', '', 'sources: 0.0.0.0/0', '/spec/sources', 'all other connections'],
  ['udp', office, office, '/spec/sources/0', 'from 10.0.0.0/8'],
  ['tls', names, 'serverNames: a.example.com', '/spec/serverNames', 'connections for a.example.com'],
  ['tls', `${names}, alpn: [h2, x]`, `${names}, alpn: x`, '/spec/serverNames/0', 'b.example.com that offer x'],
  ['tls', 'alpn: h2', 'alpn: [x, h2]', '/spec/alpn/1', 'any name that offer h2'],
  ['tls', `${names}, ${office}`, `${names}, ${office}`, '/spec/serverNames/0', 'b.example.com from 10.0.0.0/8'],
])('on a %s listener two routes (%s; %s) want the same: the second is refused', (listener, one, other, at, what) => {
  const problems = problemsOf([route('first', listener, one)], route('second', listener, other));
  expect(codesOf(problems)).toEqual([`conflict ${at}`]);
  expect(problems[0]?.detail).toContain(`${what} to L4Route first.`);
});

test.each([
  ['tcp', office, ''],
  ['tcp', office, 'sources: [10.1.0.0/16]'],
  ['tls', names, ''],
  ['tls', names, 'serverNames: "*.example.com"'],
  ['tls', names, `${names}, alpn: h2`],
  ['tls', names, `${names}, ${office}`],
  ['tls', `${names}, alpn: h2`, `${names}, alpn: x`],
])('on a %s listener routes that differ somewhere stand side by side: %s; %s', (listener, one, other) => {
  expect(problemsOf([route('first', listener, one)], route('second', listener, other))).toEqual([]);
  expect(problemsOf([], route('first', listener, one), route('second', listener, other))).toEqual([]);
});

test('of two that come together the later one is told, and what goes in the same apply makes room', () => {
  const both = problemsOf([], route('z', 'tcp'), route('y', 'tcp'));
  expect(both.map(({ document }) => document?.name)).toEqual(['z']);
  const current = setOf([world, route('old', 'tcp')].join('\n---\n'));
  expect(checkChanges(current, [...puts(route('new', 'tcp')), removal('L4Route//old')])).toEqual([]);
});

test.each([
  ['b/r', 'sources: 10.0.0.0/8', 'sources: 10.1.0.0/16', '/spec/sources'],
  ['r', '', 'sources: [1.2.3.4, 5.6.7.8]', '/spec/sources'],
  ['b/r', 'sources: 10.0.0.0/8', '', '/spec/listener'],
])("a tenant's route may not take clients away from %s with %s", (owner, theirs, spec, pointer) => {
  const problems = problemsOf([route(owner, 'tcp', theirs)], route('a/mine', 'tcp', spec));
  expect(codesOf(problems)).toEqual([`conflict ${pointer}`]);
  expect(problems[0]?.detail).toContain(`those of L4Route ${owner}.`);
});

test('a tenant may stand beside others, among its own, and where it is claimed', () => {
  const mine = route('a/mine', 'tcp', 'sources: 10.1.0.0/16');
  expect(problemsOf([route('b/r', 'tcp', 'sources: 10.2.0.0/16')], mine)).toEqual([]);
  expect(problemsOf([route('a/other', 'tcp')], mine)).toEqual([]);
  const claimed = route('a/mine', 'tls', 'serverNames: a.example.com');
  expect(problemsOf([route('b/r', 'tls', 'serverNames: "*.example.com"'), route('rest', 'tls')], claimed)).toEqual([]);
});

test('a tenant with many routes among many others is checked in a time that grows as they do', async () => {
  const routes = (tenant: string, count: number) =>
    Array.from({ length: count }, (_, index) => {
      const range = (second: number) => `10.${second}.${index >> 8}.${index & 255}`;
      const [one, other] = tenant === 'a' ? [1, 2] : [3, 4];
      return route(`${tenant}/r${index}`, 'tcp', `sources: [${range(one)}, ${range(other)}]`);
    });
  const fastestMs = (count: number): (() => number) => {
    const before = setOf([world, ...routes('b', count)].join('\n---\n'));
    const changes = puts(routes('a', count).join('\n---\n'));
    const checkMs = (): number => {
      const startMs = performance.now();
      expect(codesOf(checkChanges(before, changes))).toEqual(['quota ']);
      return performance.now() - startMs;
    };
    return () => Math.min(...Array.from({ length: 5 }, checkMs));
  };
  const [few, many] = [fastestMs(150), fastestMs(1_200)];
  // eight times as many: 8 if each is asked once, 64 if each is compared with each
  await expect.poll(() => many() / few()).toBeLessThan(24);
});

test('the platform may, and the tenant whose clients it took can go on', () => {
  const theirs = route('a/r', 'tcp', 'sources: 10.0.0.0/8');
  const ours = route('ours', 'tcp', 'sources: 10.1.0.0/16');
  expect(problemsOf([theirs], ours)).toEqual([]);
  expect(problemsOf([theirs, ours], route('a/r', 'tcp', 'sources: 10.0.0.0/8, idleTimeout: 5m'))).toEqual([]);
  expect(codesOf(problemsOf([theirs, ours], route('a/r', 'tcp', 'sources: 10.0.0.0/9')))).toEqual([
    'conflict /spec/sources',
  ]);
});

test.each(['idleTimeout: 5m', 'hash: five-tuple', 'perPacket: true', 'datapath: user'])(
  'the routes of a udp listener have one %s',
  (setting) => {
    const field = setting.split(':')[0];
    const first = route('first', 'udp', office);
    const problems = problemsOf([first], route('second', 'udp', setting));
    expect(codesOf(problems)).toEqual([`conflict /spec/${field}`]);
    expect(
      problemsOf([first], route('first', 'udp', `${office}, ${setting}`), route('second', 'udp', setting)),
    ).toEqual([]);
    const onTcp = field === 'perPacket' ? '' : setting;
    expect(problemsOf([route('first', 'tcp', office)], route('second', 'tcp', onTcp))).toEqual([]);
  },
);

test('a listener becomes one of udp once its routes agree', () => {
  const clusters = ['{ kind: Cluster, name: tcp, spec: { endpoints: [], protocol: udp } }'];
  const udp = '{ kind: Listener, name: tcp, spec: { groups: edge, port: 0, protocol: udp } }';
  const there = (setting: string) => [route('first', 'tcp', office), route('second', 'tcp', setting)];
  expect(codesOf(problemsOf(there('hash: five-tuple'), udp, ...clusters))).toEqual(['conflict /spec/protocol']);
  expect(problemsOf(there('hash: five-tuple'), udp, ...clusters, route('second', 'tcp'))).toEqual([]);
  expect(problemsOf(there(''), udp, ...clusters)).toEqual([]);
});
