/** Names in, endpoints out, as time goes by: the clock, chance and the answers are the test's. */
import { expect, test } from 'vitest';
import type { ClusterConfig, DnsConfig, ProxyConfig } from '../model/config.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { dnsStats } from '../telemetry/stats.ts';
import { clusterOf, endpointOf, TestClock } from '../testing.ts';
import { limits } from './limits.ts';
import { NamedClusters } from './named-clusters.ts';
import type { Answer } from './resolver.ts';

const nameOf = (hostname: string, rest: Partial<DnsConfig['names'][number]> = {}): DnsConfig['names'][number] => {
  const { key: _key, address: _address, ...template } = endpointOf(80, { hostname });
  return { ...template, ...rest };
};

function dnsOf(hostnames: readonly string[], rest: Partial<DnsConfig> = {}): DnsConfig {
  return {
    type: 'strict',
    names: hostnames.map((hostname) => nameOf(hostname)),
    family: 'v4-only',
    refreshMs: 5_000,
    respectTtl: false,
    failureRefresh: { baseMs: 1_000, maxMs: 6_000 },
    jitterMs: 0,
    ...rest,
  };
}

const named = (name: string, dns: DnsConfig): ClusterConfig => clusterOf([], { name, dns });
const configOf = (...clusters: ClusterConfig[]): ProxyConfig => ({
  clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])),
  listeners: new Map(),
});
const found = (...addresses: string[]): Answer => ({ addresses, ttlMs: null });
const failure: Answer = { error: 'nobody answers' };

/** Enough turns for promises that are kept already. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function world(random = 0) {
  const clock = new TestClock();
  const registry = new StatsRegistry();
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const applied: ProxyConfig[] = [];
  const reports: string[] = [];
  const names = new NamedClusters({
    resolver: {
      lookUp: (hostname) => {
        asked.push(`${clock.nowMs - 1_000} ${hostname}`);
        const answer = answers.get(hostname);
        return answer === undefined ? new Promise(() => {}) : Promise.resolve(answer);
      },
    },
    random: () => random,
    setTimer: clock.setTimer,
    statsOf: (cluster) => dnsStats(registry, cluster),
    apply: (config) => applied.push(config),
    report: (message) => reports.push(message),
  });
  return {
    ...{ clock, answers, asked, applied, reports, names },
    advance: async (ms: number) => {
      for (let left = ms; left > 0; left -= 250) {
        clock.advance(Math.min(left, 250));
        await settle();
      }
    },
    take: async (config: ProxyConfig) => {
      names.take(config);
      await settle();
    },
    keys: (cluster = 'a') =>
      applied
        .at(-1)
        ?.clusters.get(cluster)
        ?.endpoints.map(({ key }) => key),
    counted: () =>
      Object.fromEntries(
        registry.list().flatMap((stat) => (stat.kind === 'counter' ? [[stat.name.stat, stat.read()]] : [])),
      ),
  };
}

test('each address of each name is an endpoint with what its name says, once', async () => {
  const { answers, take, applied } = world();
  answers.set('one', found('10.0.0.1', '10.0.0.2')).set('two', found('10.0.0.2', '::1'));
  const two = nameOf('two', { weight: 7, labels: { version: '2' }, health: 'degraded' });
  await take(configOf(named('a', dnsOf([], { names: [nameOf('one'), two] }))));
  expect(applied.at(-1)?.clusters.get('a')?.endpoints).toEqual([
    endpointOf(80, { key: '10.0.0.1:80', address: '10.0.0.1', hostname: 'one' }),
    endpointOf(80, { key: '10.0.0.2:80', address: '10.0.0.2', hostname: 'one' }),
    { ...two, key: '[::1]:80', address: '::1' },
  ]);
});

test('a configuration without names goes through as it is', async () => {
  const { names, applied } = world();
  const config = configOf(clusterOf([1]));
  names.take(config);
  expect(applied).toEqual([config]);
  expect(applied[0]).toBe(config);
});

test('what is new waits for its first answers, what serves does not: it goes on, and changes as its names do', async () => {
  const { answers, take, applied, keys, advance, names } = world();
  answers.set('one', found('10.0.0.1'));
  const a = named('a', dnsOf(['one']));
  await take(configOf(a));
  const served: string[] = [];
  names.whenServed(() => served.push('at once'));
  expect(served).toEqual(['at once']);
  await take(configOf(a, named('b', dnsOf(['two'])), clusterOf([1])));
  names.whenServed(() => served.push('later'));
  expect(applied).toHaveLength(1);
  answers.set('one', found('10.0.0.3'));
  await advance(limits.firstAnswersMs - 1);
  expect(applied).toHaveLength(1);
  expect(served).toEqual(['at once']);
  await advance(1);
  expect(served).toEqual(['at once', 'later']);
  expect([keys('a'), keys('b'), keys('c')]).toEqual([['10.0.0.3:80'], [], ['127.0.0.1:1']]);
});

test('a name that failed is answered, too: nothing waits for it', async () => {
  const { answers, take, keys, reports } = world();
  answers.set('one', failure);
  await take(configOf(named('a', dnsOf(['one']))));
  expect(keys()).toEqual([]);
  expect(reports).toEqual([expect.stringMatching(/^cluster a: one cannot be looked up: nobody answers/)]);
});

test('what did not change is the same object, and what changed nothing is not applied', async () => {
  const { answers, take, applied, advance } = world();
  answers.set('one', found('10.0.0.1', '10.0.0.2')).set('two', found('10.0.0.9'));
  const other = clusterOf([1]);
  await take(configOf(named('a', dnsOf(['one'])), named('b', dnsOf(['two'])), other));
  answers.set('one', found('10.0.0.2', '10.0.0.1'));
  await advance(5_000);
  expect(applied).toHaveLength(1);
  answers.set('one', found('10.0.0.3', '10.0.0.2'));
  await advance(5_000);
  expect(applied).toHaveLength(2);
  const [before, after] = applied as [ProxyConfig, ProxyConfig];
  expect(after.listeners).toBe(before.listeners);
  expect([after.clusters.get('b'), after.clusters.get('c')]).toEqual([before.clusters.get('b'), other]);
  expect(after.clusters.get('b')).toBe(before.clusters.get('b'));
  expect(after.clusters.get('a')?.endpoints.map(({ key }) => key)).toEqual(['10.0.0.2:80', '10.0.0.3:80']);
  expect(after.clusters.get('a')?.endpoints[0]).toBe(before.clusters.get('a')?.endpoints[1]);
});

test('failures leave what was found; an answer that there is nothing takes it away, but from a logical cluster', async () => {
  const { answers, take, keys, advance, reports, counted } = world();
  answers.set('one', found('10.0.0.1')).set('two', found('10.0.0.2', '10.0.0.3'));
  await take(configOf(named('a', dnsOf(['one'])), named('b', dnsOf(['two'], { type: 'logical' }))));
  expect([keys('a'), keys('b')]).toEqual([['10.0.0.1:80'], ['two:80']]);
  answers.set('one', failure).set('two', failure);
  await advance(8_000);
  expect([keys('a'), keys('b')]).toEqual([['10.0.0.1:80'], ['two:80']]);
  expect(reports).toHaveLength(2);
  answers.set('one', found()).set('two', found());
  await advance(8_000);
  expect([keys('a'), keys('b')]).toEqual([[], ['two:80']]);
  expect(counted()).toMatchObject({ 'cluster.a.update_success': 2, 'cluster.b.update_success': 1 });
});

test('a logical cluster is one endpoint, wherever its name leads', async () => {
  const { answers, take, applied, advance } = world();
  answers.set('one', found('10.0.0.1', '10.0.0.2'));
  await take(configOf(named('a', dnsOf(['one'], { type: 'logical' }))));
  answers.set('one', found('10.0.0.2', '10.0.0.1'));
  await advance(10_000);
  answers.set('one', found('::1'));
  await advance(5_000);
  const endpoints = applied.map(({ clusters }) => clusters.get('a')?.endpoints);
  expect(endpoints).toEqual([
    [endpointOf(80, { key: 'one:80', address: '10.0.0.1', others: ['10.0.0.2'], hostname: 'one' })],
    [endpointOf(80, { key: 'one:80', address: '10.0.0.2', others: ['10.0.0.1'], hostname: 'one' })],
    [endpointOf(80, { key: 'one:80', address: '::1', hostname: 'one' })],
  ]);
});

const ttl = (ttlMs: number | null): Answer => ({ addresses: ['10.0.0.1'], ttlMs });
test.each([
  ['so often as the cluster says', ttl(2_000), {}, 0, [0, 5_000, 10_000]],
  ['so often as its records run out', ttl(2_000), { respectTtl: true }, 0, [0, 2_000, 4_000, 6_000, 8_000, 10_000]],
  ['as the cluster says where records say nothing', ttl(null), { respectTtl: true }, 0, [0, 5_000, 10_000]],
  ['as the cluster says where they hold no time', ttl(0), { respectTtl: true }, 0, [0, 5_000, 10_000]],
  ['with a random addition', ttl(2_000), { jitterMs: 4_000 }, 0.5, [0, 7_000]],
  [
    'not more often than once a second',
    ttl(2),
    { respectTtl: true, refreshMs: 2 },
    0,
    [...Array(12).keys()].map((s) => s * 1_000),
  ],
  ['after failures later and later', failure, {}, 0, [0, 1_000, 3_000, 7_000]],
  ['which is drawn from the upper half', failure, {}, 1, [0, 1_000, 2_000, 4_000, 7_000, 10_000]],
] as const)('a name is asked %s', async (_what, answer, rest, random, times) => {
  const { answers, take, asked, advance } = world(random);
  answers.set('one', answer);
  await take(configOf(named('a', dnsOf(['one'], rest))));
  await advance(11_500);
  expect(asked).toEqual(times.map((ms) => `${ms} one`));
});

test('an answer ends the growing pauses', async () => {
  const { answers, take, asked, advance } = world();
  answers.set('one', failure);
  await take(configOf(named('a', dnsOf(['one']))));
  await advance(2_000);
  answers.set('one', found('10.0.0.1'));
  await advance(2_000);
  answers.set('one', failure);
  await advance(6_000);
  expect(asked).toEqual(['0 one', '1000 one', '3000 one', '8000 one', '9000 one']);
});

test('an edit asks about new names only; names and clusters that are gone are asked about no more', async () => {
  const { answers, take, asked, advance, counted, keys } = world();
  for (const name of ['one', 'two', 'three']) answers.set(name, found('10.0.0.1'));
  await take(configOf(named('a', dnsOf(['one', 'two']))));
  await take(configOf(named('a', dnsOf(['one', 'three'], { refreshMs: 2_000 })), named('b', dnsOf(['two']))));
  expect(asked).toEqual(['0 one', '0 two', '0 three', '0 two']);
  asked.length = 0;
  await advance(5_000);
  expect(asked.filter((line) => line.endsWith('two'))).toEqual(['5000 two']);
  expect(counted()).toHaveProperty(['cluster.a.update_attempt']);
  await take(configOf(clusterOf([1])));
  expect([keys('c'), counted()]).toEqual([['127.0.0.1:1'], {}]);
  asked.length = 0;
  await advance(20_000);
  expect(asked).toEqual([]);
});

test('another family is another question, and what is known stands until it is answered or that took too long', async () => {
  const { answers, take, keys, asked, advance } = world();
  answers.set('one', found('10.0.0.1'));
  await take(configOf(named('a', dnsOf(['one']))));
  answers.delete('one');
  await take(configOf(named('a', dnsOf(['one'], { family: 'all' }))));
  expect([keys(), asked]).toEqual([['10.0.0.1:80'], ['0 one', '0 one']]);
  await advance(limits.firstAnswersMs);
  expect(keys()).toEqual([]);
});

test('lookups are counted as Envoy counts them', async () => {
  const { answers, take, advance, counted } = world();
  answers.set('one', found('10.0.0.1'));
  await take(configOf(named('a', dnsOf(['one']))));
  await advance(5_000);
  answers.set('one', failure);
  await advance(6_000);
  expect(counted()).toEqual({
    'cluster.a.update_attempt': 4,
    'cluster.a.update_success': 2,
    'cluster.a.update_no_rebuild': 1,
    'cluster.a.update_failure': 2,
  });
});

test('after the end nothing is asked, and nothing applied', async () => {
  const { answers, take, advance, names, applied, asked } = world();
  answers.set('one', found('10.0.0.1'));
  await take(configOf(named('a', dnsOf(['one']))));
  names.stop();
  await take(configOf(clusterOf([1])));
  await advance(20_000);
  expect([applied.length, asked.length]).toEqual([1, 1]);
});
