/** Whatever is sent is refused with places and remedies, or accepted and then fully understood. */
import { expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import { checkDocument, specOf } from './check.ts';
import { type Kind, kinds, type Problem } from './document.ts';
import { randomFrom } from './testing.ts';

const seed = Number(process.env['FAIRLEAD_SEED'] ?? 20_261_121);

function secret(host: string): object {
  const { certificate, key } = makeCertificate({ hosts: [host] });
  return { certificate, key };
}

/** A good document of each kind, to be spoilt. */
const good: Readonly<Record<Kind, object>> = {
  Tenant: { claims: [{ host: 'a.b', path: '/x' }], caps: { timeout: '60s', listeners: ['a'] }, quotas: { routes: 1 } },
  NodeGroup: { tier: 'l4', resourceTtl: '0s', drain: { timeout: '45s', grace: '60s' } },
  Listener: {
    groups: ['edge'],
    address: '::1',
    port: 80,
    tenants: ['a'],
    accessLog: { to: 'stderr' },
    protocol: 'https',
    tls: {
      ...{ certificates: ['a', 'b/c'], minVersion: '1.3', alpn: 'http/1.1' },
      client: { mode: 'require', ca: 'd', sans: ['spiffe://a.b/*', 'c.d'] },
    },
    paths: { normalize: true },
    limits: { headerBytes: '8KiB', headersTimeout: '1s' },
    proxyProtocol: { accept: 'optional', trust: ['10.0.0.0/8', '::1'] },
  },
  Cluster: {
    endpoints: [{ address: '10.0.0.1', port: 1, zone: 'z', labels: { a: 'b' } }],
    balance: { policy: 'least-request', choices: 2, localities: { z: 1 }, subsets: [['a']], panic: '0%' },
    health: { active: { http: { path: '/', expect: ['200-299', 404] }, jitter: '1%' } },
    keepAlive: { idle: '1s', requests: 1 },
    breakers: { connections: 1, perEndpoint: { connections: 1 } },
    slowStart: { window: '1s', aggression: 1.5 },
  },
  Route: {
    hosts: ['a.b', '*.c'],
    match: { path: { prefix: '/a' }, methods: ['GET'], headers: [{ name: 'a', range: [1, 2], not: true }] },
    to: [{ cluster: 'a', weight: 1, subset: { a: 'b' } }, { cluster: 'b/c' }],
    affinity: {
      hash: [{ header: 'a' }, { cookie: { name: 'b', ttl: '1h', attributes: { SameSite: 'Lax' } } }, { path: true }],
      sticky: { cookie: 'c', path: '/' },
    },
    timeout: '1s',
  },
  L4Route: {
    ...{ listener: 'a', serverNames: ['a.b', '*.c'], alpn: 'h2', sources: ['10.0.0.0/8', '::1'] },
    ...{ to: { cluster: 'a' }, hash: 'five-tuple', idleTimeout: '1h', datapath: 'user', perPacket: false },
  },
  HealthPolicy: {
    active: { tcp: { send: 'a', receive: 'b' }, interval: '1s' },
    passive: { consecutive5xx: 1, ejectFor: '1s', maxEjected: '5%', latency: { factor: 2 } },
  },
  Secret: secret('a.b'),
};

const spoilt: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  0.5,
  1e308,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  10n,
  '',
  ' ',
  '0s',
  '1h',
  '5%',
  '64KiB',
  '*',
  '*.a',
  'a',
  'A',
  'a/b',
  '/',
  '//',
  '/a?b',
  '::1',
  '1.2.3.4',
  '1.2.3.4/8',
  '0.0.0.0/0',
  'off',
  'any',
  'x'.repeat(70),
  '\0',
  '\ud800',
  '\u202e',
  '\n',
  '%00',
  '__proto__',
  'constructor',
  '😀',
  'http',
  'tcp',
  'udp',
  [],
  [[]],
  [null],
  ['a', 'a'],
  [0, 1],
  {},
  { a: 1 },
  { constructor: 1 },
  { length: 1 },
  [{}],
  new Map(),
  new Date(0),
  Symbol.iterator,
  () => 0,
  /a/,
  Object.create(null),
  Object.create({ inherited: 1 }),
  JSON.parse('{"__proto__":1}'),
];
const fields = ['kind', 'name', 'tenant', 'spec', 'hosts', 'to', 'cluster', 'path', 'prefix', 'regex', 'endpoints'];
const odd = ['', 'x', '__proto__', 'toString', 'a/b', '~', 'hasOwnProperty', '0', 'constructor'];

type Random = () => number;
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!;

/** A copy in which some values became others, some fields went, and some came. */
function spoil(value: unknown, random: Random, rate: number): unknown {
  if (random() < rate) return pick(random, spoilt);
  if (Array.isArray(value)) {
    const copy = value.map((element) => spoil(element, random, rate));
    return random() < rate ? [...copy, ...copy] : copy;
  }
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).filter(() => random() >= rate / 2);
  const copy = Object.fromEntries(kept.map(([name, field]) => [name, spoil(field, random, rate)]));
  if (random() < rate) copy[pick(random, [...fields, ...odd])] = pick(random, spoilt);
  return copy;
}

function documents(random: Random, count: number): unknown[] {
  return Array.from({ length: count }, () => {
    const kind = pick(random, kinds);
    const tenant = random() < 0.5 ? { tenant: 't' } : {};
    const platformOnly = kind === 'Tenant' || kind === 'NodeGroup' || kind === 'Listener';
    const document = { kind, name: 'n', ...(platformOnly ? {} : tenant), labels: { a: 'b' }, spec: good[kind] };
    return spoil(document, random, pick(random, [0, 0.02, 0.05, 0.2]));
  });
}

/** Whether the pointer leads to a value of the document, or to a field that is missing in one. */
function leadsSomewhere(document: unknown, { pointer, code }: Problem): boolean {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  let at = document;
  for (const [index, step] of steps.entries()) {
    // A field may be missing in a spec that is missing itself.
    if (at === undefined && code === 'missing-field') return true;
    if (at === null || typeof at !== 'object') return false;
    if (!Object.hasOwn(at, step)) return index === steps.length - 1 || code === 'missing-field';
    at = (at as Record<string, unknown>)[step];
  }
  return true;
}

/** Paths of `undefined` in a value. */
function holes(value: unknown, path = ''): string[] {
  if (value === undefined) return [path];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, field]) => (name === 'tenant' ? [] : holes(field, `${path}/${name}`)));
}

const specFields: Readonly<Record<Kind, readonly string[]>> = {
  Tenant: ['caps', 'claims', 'defaults', 'quotas'],
  NodeGroup: ['drain', 'resourceTtlMs', 'tier'],
  Listener: [
    ...['accessLog', 'address', 'filters', 'groups', 'limits', 'paths', 'port', 'protocol', 'proxyProtocol'],
    ...['tenants', 'tls', 'trustedHops'],
  ],
  Cluster: [
    ...['balance', 'breakers', 'connectTimeoutMs', 'dns', 'endpoints', 'health', 'keepAlive', 'nodes', 'protocol'],
    ...['proxyProtocol', 'slowStart'],
  ],
  Route: [
    ...[
      'affinity',
      'clusterHeader',
      'fallback',
      'filters',
      'headers',
      'hosts',
      'listeners',
      'match',
      'priority',
      'redirect',
    ],
    ...['respond', 'retry', 'rewrite', 'streamIdleTimeoutMs', 'timeoutMs', 'to', 'upgrades'],
  ],
  L4Route: [...['alpn', 'datapath', 'hash', 'idleTimeoutMs', 'listener', 'perPacket', 'serverNames', 'sources', 'to']],
  HealthPolicy: ['active', 'passive'],
  Secret: ['ca', 'certificate', 'facts', 'key'],
};

test(`10,000 spoilt documents are refused well or understood whole (seed ${seed})`, () => {
  const seen = { accepted: 0, refused: 0 };
  for (const document of documents(randomFrom(seed), 10_000)) {
    const checked = checkDocument(document);
    if (!checked.ok) {
      seen.refused++;
      expect(checked.problems.length).toBeGreaterThan(0);
      for (const problem of checked.problems) {
        expect(problem.detail, problem.pointer).toMatch(/\S.*\.$/);
        expect(problem.remedy, problem.detail).not.toBe('');
        expect(leadsSomewhere(document, problem), problem.pointer).toBe(true);
      }
      continue;
    }
    seen.accepted++;
    const { value } = checked;
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    expect(checkDocument(value)).toEqual(checked);
    const spec = specOf(value);
    expect(Object.keys(spec).sort()).toEqual(specFields[value.kind]);
    expect(holes(spec)).toEqual([]);
  }
  expect(seen.accepted).toBeGreaterThan(1000);
  expect(seen.refused).toBeGreaterThan(1000);
});

test(`10,000 values that are no documents are refused (seed ${seed})`, () => {
  const random = randomFrom(seed + 1);
  const value = (depth: number): unknown => {
    const roll = random();
    if (depth > 4 || roll < 0.4) return pick(random, spoilt);
    const children = Array.from({ length: Math.floor(random() * 4) }, () => value(depth + 1));
    if (roll < 0.6) return children;
    return Object.fromEntries(children.map((child) => [pick(random, [...fields, ...odd]), child]));
  };
  for (let i = 0; i < 10_000; i++) expect(checkDocument(value(0)).ok).toBe(false);
});
