/** Who is asked for what: families of addresses, the hosts file, a real name server. */

import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { knownAddresses, parseHosts } from './hosts-file.ts';
import { type Answer, byFamily, type Resolver } from './resolver.ts';
import { systemResolver } from './system-resolver.ts';
import { type NameServer, startNameServer } from './testing.ts';

const some = (...addresses: string[]): Answer => ({ addresses, ttlMs: 1_000 });
const none: Answer = { addresses: [], ttlMs: null };
const failed: Answer = { error: 'nobody answers' };
const both = { 4: some('1.1.1.1'), 6: some('::1') };
const only4 = { 4: some('1.1.1.1'), 6: none };
const only6 = { 4: none, 6: some('::1') };

test.each([
  ['v4-only', both, '4', ['1.1.1.1']],
  ['v4-only', only6, '4', []],
  ['v6-only', both, '6', ['::1']],
  ['auto', both, '6', ['::1']],
  ['auto', only4, '64', ['1.1.1.1']],
  ['v4-preferred', both, '4', ['1.1.1.1']],
  ['v4-preferred', only6, '46', ['::1']],
  ['all', both, '46', ['1.1.1.1', '::1']],
  ['all', only4, '46', ['1.1.1.1']],
  ['all', { 4: none, 6: none }, '46', []],
  ['auto', { 4: some('1.1.1.1'), 6: failed }, '64', ['1.1.1.1']],
  ['auto', { 4: none, 6: failed }, '64', 'nobody answers'],
  ['auto', { 4: failed, 6: none }, '64', 'nobody answers'],
  ['all', { 4: failed, 6: none }, '46', 'nobody answers'],
  ['all', { 4: failed, 6: some('::1') }, '46', ['::1']],
] as const)('%s of %j asks for %s and finds %j', async (family, answers, asked, found) => {
  let order = '';
  const answer = await byFamily(family, async (version) => {
    order += version;
    return answers[version];
  });
  expect(order).toBe(asked);
  expect('error' in answer ? answer.error : answer.addresses).toEqual(found);
});

test('together they hold as long as the shorter one', async () => {
  const answer = await byFamily('all', async (version) => ({ addresses: [`${version}`], ttlMs: version * 100 }));
  expect(answer).toMatchObject({ ttlMs: 400 });
});

const hosts = parseHosts(`
127.0.0.1   localhost loopback # the machine
::1 localhost
0:0:0:0:0:0:0:2 Two
10.0.0.1 a a b
not-an-address c
10.0.0.2
`);

test.each([
  ['localhost', ['127.0.0.1', '::1']],
  ['LOOPBACK', ['127.0.0.1']],
  ['two', ['::2']],
  ['a', ['10.0.0.1']],
  ['b.', ['10.0.0.1']],
  ['c', undefined],
  ['the', undefined],
  ['x.localhost', ['127.0.0.1', '::1']],
  ['10.1.2.3', ['10.1.2.3']],
  ['::3', ['::3']],
  ['__proto__', undefined],
])('of the hosts file %s is %j', (name, addresses) => {
  expect(knownAddresses(name, hosts)).toEqual(addresses);
});

describe('this machine', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fairlead-hosts-'));
  const hostsFile = path.join(folder, 'hosts');
  let server: NameServer;
  let resolver: Resolver;

  beforeAll(async () => {
    server = await startNameServer();
    resolver = systemResolver({ servers: [server.address], hostsFile });
  });
  beforeEach(() => {
    server.asked.length = 0;
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  test('asks its servers, and says how long the shortest-lived record holds', async () => {
    const lives = [30, 7, 90].map((ttlSeconds, index) => ({ address: `10.0.0.${index + 1}`, ttlSeconds }));
    server.names.set('orders.internal', [...lives, { address: '2001:db8::1', ttlSeconds: 5 }]);
    const addresses = lives.map(({ address }) => address);
    expect(await resolver.lookUp('Orders.internal', 'v4-only')).toEqual({ addresses, ttlMs: 7_000 });
    expect(await resolver.lookUp('orders.internal', 'auto')).toEqual({ addresses: ['2001:db8::1'], ttlMs: 5_000 });
    expect(server.asked).toEqual(['A orders.internal', 'AAAA orders.internal']);
  });

  test.each([
    ['does not exist', 'no such name', { addresses: [], ttlMs: null }],
    ['has no address', [], { addresses: [], ttlMs: null }],
    ['is not known for now', 'failed', { error: expect.stringContaining('SERVFAIL') }],
    ['is nobody’s to know', 'refused', { error: expect.stringContaining('REFUSED') }],
  ] as const)('tells that a name %s', async (_what, said, answer) => {
    server.names.set('a.internal', said);
    expect(await resolver.lookUp('a.internal', 'v4-preferred')).toEqual(answer);
  });

  test('has a hosts file, whose names it asks nobody about, and which it reads anew', async () => {
    server.names.set('b.internal', [{ address: '10.0.0.9', ttlSeconds: 1 }]);
    expect(await resolver.lookUp('b.internal', 'v4-only')).toMatchObject({ addresses: ['10.0.0.9'] });
    server.asked.length = 0;
    await writeFile(hostsFile, '10.0.0.7 b.internal\n');
    expect(await resolver.lookUp('b.internal', 'all')).toEqual({ addresses: ['10.0.0.7'], ttlMs: null });
    expect(await resolver.lookUp('b.internal', 'v6-only')).toEqual({ addresses: [], ttlMs: null });
    expect(server.asked).toEqual([]);
  });
});
