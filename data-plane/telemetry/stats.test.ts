import { expect, test } from 'vitest';
import { prometheusText as prometheusPieces } from './prometheus.ts';
import { StatsRegistry } from './registry.ts';
import { clusterStats, httpStats, listenerStats, serverStats, tcpStats } from './stats.ts';
import { parseStatsFilter } from './stats-filter.ts';
import { type StatsSelection, statsJson, statsText as statsLines } from './stats-text.ts';

function statsText(registry: StatsRegistry, selection: StatsSelection = {}): string {
  return [...statsLines(registry, selection)].join('');
}

function prometheusText(registry: StatsRegistry): string {
  return [...prometheusPieces(registry)].join('');
}

function filter(pattern: string): (name: string) => boolean {
  const parsed = parseStatsFilter(pattern);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
}

test('stats are named as Envoy names them', () => {
  const registry = new StatsRegistry();
  const cluster = clusterStats(registry, 'checkout/orders');
  const http = httpStats(registry, 'public');
  tcpStats(registry, 'redis').cxTotal.value++;
  listenerStats(registry, '127.0.0.1:8080').cxActive.value = 4;
  cluster.rqTotal.value += 3;
  cluster.rqXx[(204 / 100) | 0]!.value++;
  http.rqXx[(503 / 100) | 0]!.value++;
  expect(statsText(registry, { usedOnly: true })).toBe(
    'cluster.checkout/orders.upstream_rq_2xx: 1\n' +
      'cluster.checkout/orders.upstream_rq_total: 3\n' +
      'http.public.downstream_rq_5xx: 1\n' +
      'listener.127.0.0.1_8080.downstream_cx_active: 4\n' +
      'tcp.redis.downstream_cx_total: 1\n',
  );
});

test('a status outside the classes is not shown and breaks nothing', () => {
  const registry = new StatsRegistry();
  const { rqXx } = httpStats(registry, 'public');
  for (const status of [0, 99, 600, 999]) rqXx[(status / 100) | 0]!.value++;
  expect(statsText(registry, { usedOnly: true })).toBe('');
});

test('Prometheus gets families with help and type, labels escaped, buckets cumulative', () => {
  const registry = new StatsRegistry();
  const scope = registry.scope('cluster.odd.', 'envoy_cluster_', { envoy_cluster_name: 'a"b\\c\nd' });
  scope.counter('upstream_rq_total', 'Requests\nsent').value = 2;
  const histogram = scope.histogram('upstream_rq_time', 'Time');
  for (const ms of [0.2, 3, 3, 7_000, 9e9]) histogram.record(ms);
  const label = 'envoy_cluster_name="a\\"b\\\\c\\nd"';
  const text = prometheusText(registry);
  expect(text).toContain(
    '# HELP envoy_cluster_upstream_rq_total Requests\\nsent\n# TYPE envoy_cluster_upstream_rq_total counter\n' +
      `envoy_cluster_upstream_rq_total{${label}} 2\n`,
  );
  expect(text).toContain('# TYPE envoy_cluster_upstream_rq_time histogram\n');
  expect([...text.matchAll(/_bucket\{.*le="([^"]+)"\} (\d+)/g)].map((match) => `${match[1]}:${match[2]}`)).toEqual(
    (
      '0.5:1 1:1 5:3 10:3 25:3 50:3 100:3 250:3 500:3 1000:3 2500:3 5000:3 10000:4 30000:4 60000:4 300000:4 600000:4 ' +
      '1800000:4 3600000:4 +Inf:5'
    ).split(' '),
  );
  expect(text).toContain(`envoy_cluster_upstream_rq_time_count{${label}} 5\n`);
});

test('each family of Prometheus metrics stands in one piece', () => {
  const registry = new StatsRegistry();
  for (const name of ['a', 'b', 'b.x']) clusterStats(registry, name);
  serverStats(registry, { uptimeMs: () => 5_900, state: () => 'DRAINING', concurrency: 2 });
  const text = prometheusText(registry);
  const metrics = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/(_bucket|_sum|_count)?[{ ].*/, ''));
  const runs = metrics.filter((metric, index) => metric !== metrics[index - 1]);
  expect(runs.length).toBe(new Set(runs).size);
  expect(text).toContain('envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="b.x"} 0\n');
  expect(text).toContain('envoy_server_uptime 5\n');
  expect(text).toContain('envoy_server_state 1\n');
});

test('a histogram shows its quantiles', () => {
  const registry = new StatsRegistry();
  const histogram = registry.scope('a.', 'a_', {}).histogram('t', 'Time');
  expect(statsText(registry)).toBe('a.t: No recorded values\n');
  histogram.record(2);
  expect(statsText(registry)).toMatch(/^a\.t: P0\(nan,2\) P25\(nan,2\.0\d+\) .* P100\(nan,2\.1\)\n$/);
  expect(JSON.stringify(statsJson(registry))).toContain(
    '"computed_quantiles":[{"name":"a.t","values":[{"interval":null,"cumulative":2},{"interval":null,"cumulative":2.025},',
  );
});

test('two scopes of one name count in the same place, and the stat goes with the last of them', () => {
  const registry = new StatsRegistry();
  const before = clusterStats(registry, 'orders');
  const after = clusterStats(registry, 'orders');
  before.rqTotal.value++;
  after.rqTotal.value++;
  expect(statsText(registry, { usedOnly: true })).toBe('cluster.orders.upstream_rq_total: 2\n');
  before.scope.drop();
  before.scope.drop();
  expect(statsText(registry, { usedOnly: true })).toBe('cluster.orders.upstream_rq_total: 2\n');
  after.scope.drop();
  expect(registry.list()).toEqual([]);
});

test('one name cannot be two kinds of stat', () => {
  const scope = new StatsRegistry().scope('a.', 'a_', {});
  scope.counter('b', 'B');
  expect(() => scope.gauge('b', 'B')).toThrow('stat "a.b" is already a counter');
});

test('a name cannot forge a line of /stats', () => {
  const registry = new StatsRegistry();
  registry.scope('cluster.x\nserver.live: 9\n.', 'c_', {}).counter('n', 'N').value = 1;
  expect(statsText(registry)).toBe('cluster.x_server.live_ 9_.n: 1\n');
});

test.each([
  ['upstream_rq', ['cluster.a.upstream_rq_total', 'cluster.b.upstream_rq_5xx']],
  ['^http\\.', ['http.p.downstream_rq_total']],
  ['rq_.xx$', ['cluster.b.upstream_rq_5xx']],
  ['^cluster.*total$', ['cluster.a.upstream_rq_total']],
  ['^server|5xx', ['cluster.b.upstream_rq_5xx', 'server.live']],
  ['^server.live$', ['server.live']],
  ['^live', []],
  ['a.*a.*a', ['cluster.a.upstream_rq_total']],
  ['', ['cluster.a.upstream_rq_total', 'cluster.b.upstream_rq_5xx', 'http.p.downstream_rq_total', 'server.live']],
])('the filter %j selects by name', (pattern, expected) => {
  const names = [
    'cluster.a.upstream_rq_total',
    'cluster.b.upstream_rq_5xx',
    'http.p.downstream_rq_total',
    'server.live',
  ];
  expect(names.filter(filter(pattern))).toEqual(expected);
});

test('the filter agrees with a regular expression wherever both understand the pattern', () => {
  const pieces = ['a', 'b', '.', '.*', 'ab', '|', '\\.', '^', '$'];
  const names = ['', 'a', 'b', 'ab', 'ba', 'aab', 'a.b', 'abab', 'bbb', '.', 'a.', 'abba'];
  let compared = 0;
  for (let code = 0; code < pieces.length ** 4; code++) {
    const pattern = [1, 9, 81, 729].map((unit) => pieces[Math.floor(code / unit) % 9]).join('');
    const parsed = parseStatsFilter(pattern);
    if (!parsed.ok) continue;
    compared++;
    const regex = new RegExp(pattern);
    const taken = [parsed.value, (name: string) => regex.test(name)].map((takes) => names.filter(takes).join());
    // expecting what is so takes longer than all the rest
    if (taken[0] !== taken[1]) expect(taken[0], pattern).toBe(taken[1]);
  }
  expect(compared).toBeGreaterThan(3_000);
});

test.each(['(a+)+$', '[ab]', 'a{9}', 'a?', '\\d', 'a\\', 'x'.repeat(1_001)])('the filter %j is refused', (pattern) => {
  expect(parseStatsFilter(pattern).ok).toBe(false);
});
