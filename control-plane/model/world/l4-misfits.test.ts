import { expect, test } from 'vitest';
import { codesOf, puts, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const header = 'proxyProtocol: { accept: required, trust: 10.0.0.0/8 }';
const world = `
{ kind: NodeGroup, name: edge }
---
{ kind: Listener, name: tcp, spec: { groups: edge, port: 0, protocol: tcp } }
---
{ kind: Listener, name: headed, spec: { groups: edge, port: 0, protocol: tcp, ${header} } }
---
{ kind: Listener, name: tls, spec: { groups: edge, port: 0, protocol: tls-passthrough } }
---
{ kind: Listener, name: udp, spec: { groups: edge, port: 0, protocol: udp } }
---
{ kind: Listener, name: http, spec: { groups: edge, port: 0 } }
---
{ kind: Cluster, name: tcp, spec: { endpoints: [], protocol: tcp } }
---
{ kind: Cluster, name: headed, spec: { endpoints: [], protocol: tcp, balance: { policy: maglev }, proxyProtocol: v2 } }
---
{ kind: Cluster, name: maglev, spec: { endpoints: [], protocol: tcp, balance: { policy: maglev } } }
---
{ kind: Cluster, name: subsets, spec: { endpoints: [], balance: { policy: maglev, subsets: [[a]] } } }
---
{ kind: Cluster, name: udp, spec: { endpoints: [], protocol: udp } }
---
{ kind: Cluster, name: web, spec: { endpoints: [] } }
`;

const route = (listener: string, cluster: string, spec = '') =>
  `{ kind: L4Route, name: r, spec: { listener: ${listener}, to: [{ cluster: ${cluster} }], ${spec} } }`;
const problemsOf = (yaml: string, current = world) => checkChanges(setOf(current), puts(yaml));

test.each([
  route('tcp', 'tcp', 'sources: 10.0.0.0/8, hash: five-tuple, datapath: auto'),
  route('tcp', 'web'),
  route('tcp', 'maglev', 'datapath: kernel, hash: destination-port'),
  route('headed', 'headed', 'hash: authority'),
  route('tls', 'headed', 'serverNames: "*.example.com", alpn: h2, hash: authority'),
  route('udp', 'udp', 'sources: 10.0.0.0/8, perPacket: true'),
])('a route fits its listener and its cluster: %s', (yaml) => {
  expect(problemsOf(yaml)).toEqual([]);
});

test.each([
  [route('http', 'tcp'), 'conflict /spec/listener', 'Listener http speaks http'],
  [route('tcp', 'tcp', 'serverNames: a.b'), 'conflict /spec/serverNames', 'speaks tcp'],
  [route('udp', 'udp', 'alpn: h2'), 'conflict /spec/alpn', 'speaks udp'],
  [route('tcp', 'tcp', 'hash: authority'), 'conflict /spec/hash', 'which name a client asks for'],
  [route('udp', 'udp', 'hash: authority'), 'conflict /spec/hash', 'speaks udp'],
  [route('tls', 'tcp', 'perPacket: true'), 'conflict /spec/perPacket', '`perPacket` is for udp'],
  [route('udp', 'tcp'), 'conflict /spec/to/0/cluster', 'Cluster tcp speaks tcp, and Listener udp udp'],
  [route('tcp', 'udp'), 'conflict /spec/to/0/cluster', 'Cluster udp speaks udp, and Listener tcp tcp'],
  [route('tls', 'maglev', 'datapath: kernel'), 'conflict /spec/datapath', 'reads no names'],
  [route('headed', 'maglev', 'datapath: kernel'), 'conflict /spec/datapath', 'reads PROXY headers'],
  [route('tcp', 'headed', 'datapath: kernel'), 'conflict /spec/datapath', 'wants PROXY headers'],
  [route('tcp', 'tcp', 'datapath: kernel'), 'conflict /spec/datapath', 'balances by least-request'],
  [route('tcp', 'subsets', 'datapath: kernel'), 'conflict /spec/datapath', 'has subsets'],
  [
    '{ kind: L4Route, name: r, spec: { listener: udp, to: [{ cluster: udp }, { cluster: udp }] } }',
    'conflict /spec/to',
    'one cluster',
  ],
  [
    '{ kind: Route, name: r, spec: { hosts: "*", to: { cluster: udp } } }',
    'conflict /spec/to/cluster',
    'a cluster that speaks HTTP',
  ],
  [
    '{ kind: Route, name: r, spec: { hosts: "*", to: { cluster: web }, fallback: { cluster: udp, on: 5xx } } }',
    'conflict /spec/fallback/cluster',
    'a cluster that speaks HTTP',
  ],
])('a route that does not fit is refused: %s', (yaml, refused, detail) => {
  const problems = problemsOf(yaml);
  expect(codesOf(problems)).toEqual([refused]);
  expect(problems[0]?.detail).toContain(detail);
});

const listener = (protocol: string, more = '') =>
  `{ kind: Listener, name: changed, spec: { groups: edge, port: 0, protocol: ${protocol}, ${more} } }`;
const cluster = (spec: string) => `{ kind: Cluster, name: changed, spec: { endpoints: [], ${spec} } }`;

test.each([
  [listener('tls-passthrough'), 'changed', 'tcp', 'serverNames: a.b', listener('tcp'), '/spec/protocol'],
  [listener('tcp'), 'changed', 'tcp', '', listener('udp'), '/spec/protocol'],
  [listener('tcp'), 'changed', 'maglev', 'datapath: kernel', listener('tcp', header), '/spec/proxyProtocol'],
  [listener('tcp', header), 'changed', 'tcp', 'hash: authority', listener('tcp'), '/spec/protocol'],
  [cluster('protocol: tcp'), 'tcp', 'changed', '', cluster('protocol: udp'), '/spec/protocol'],
  [
    cluster('balance: { policy: maglev }'),
    'tcp',
    'changed',
    'datapath: kernel',
    cluster('balance: { policy: random }'),
    '/spec/balance',
  ],
])('whoever changes %s is told whose route it breaks', (before, on, to, spec, change, pointer) => {
  const problems = problemsOf(change, [world, before, route(on, to, spec)].join('\n---\n'));
  expect(codesOf(problems)).toEqual([`conflict ${pointer}`]);
  expect(problems[0]?.detail).toContain('This no longer fits L4Route r.');
});
