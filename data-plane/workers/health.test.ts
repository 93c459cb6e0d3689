import { expect, test } from 'vitest';
import type { ClusterConfig } from '../model/config.ts';
import type { EndpointChecks, MakeChecks } from '../runtime/checks.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { clusterOf, healthCheckOf } from '../testing.ts';
import { HealthBook } from './health-book.ts';
import { ToldHealth } from './told-health.ts';

const healthCheck = healthCheckOf({ intervalMs: 1, timeoutMs: 1 });
const checked = (...ports: number[]) => ({ ...clusterOf(ports), healthCheck });
const stats = clusterStats(new StatsRegistry(), 'c');
const configOf = (...clusters: ClusterConfig[]) => ({
  clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])),
  listeners: new Map(),
});
const [a, b, c] = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'] as const;

/** Whether a promise is kept by now. */
async function isKept(promise: Promise<void>): Promise<boolean> {
  let kept = false;
  void promise.then(() => {
    kept = true;
  });
  for (let turn = 0; turn < 5; turn++) await null;
  return kept;
}

function read(book: HealthBook, config = checked(1, 2)): { checks: EndpointChecks; outcomes: string[] } {
  const outcomes: string[] = [];
  return { checks: book.checks(config, stats, (key) => outcomes.push(key)), outcomes };
}

test('the first round of a worker is over when it was told of every endpoint', async () => {
  const book = new HealthBook(new Map());
  const { checks, outcomes } = read(book);
  const round = checks.firstRound;
  book.tell('c', a, 'passing');
  book.tell('other', b, 'passing');
  expect([checks.stateOf(a), checks.stateOf(b), checks.stateOf(c)]).toEqual(['passing', 'pending', undefined]);
  expect(await isKept(round)).toBe(false);
  book.tell('c', b, 'failing');
  expect(await isKept(round)).toBe(true);
  expect(outcomes).toEqual([a, b]);
});

test('an endpoint that leaves is waited for no more, and one that joins is', async () => {
  const book = new HealthBook(new Map());
  const { checks } = read(book);
  book.tell('c', a, 'passing');
  const round = checks.firstRound;
  checks.update(healthCheck, checked(1).endpoints);
  expect(await isKept(round)).toBe(true);
  checks.update(healthCheck, checked(1, 3).endpoints);
  expect(await isKept(checks.firstRound)).toBe(false);
  checks.stop();
  expect(await isKept(checks.firstRound)).toBe(true);
});

test('a worker that begins late knows what was told before', async () => {
  const { checks } = read(
    new HealthBook(
      new Map([
        [
          'c',
          new Map([
            [a, 'passing' as const],
            [b, 'failing' as const],
          ]),
        ],
      ]),
    ),
  );
  expect(await isKept(checks.firstRound)).toBe(true);
  expect([checks.stateOf(a), checks.stateOf(b)]).toEqual(['passing', 'failing']);
});

test('an endpoint that was away is checked again before it is used', () => {
  const book = new HealthBook(new Map());
  book.tell('c', a, 'passing');
  book.tell('c', b, 'passing');
  book.keep(configOf(checked(2)));
  book.keep(configOf(checked(1, 2)));
  const { checks } = read(book);
  expect([checks.stateOf(a), checks.stateOf(b)]).toEqual(['pending', 'passing']);
  book.keep(configOf(clusterOf([1, 2])));
  expect(checks.stateOf(b)).toBe('pending');
});

test('an endpoint that is not checked passes without being told of, and is checked anew when it is again', async () => {
  const { endpoints } = checked(1);
  const spared = [{ ...endpoints[0]!, healthCheck: { address: '', port: 0, hostname: '', disabled: true } }];
  const book = new HealthBook(new Map());
  const { checks } = read(book, { ...checked(1), endpoints: spared });
  expect(await isKept(checks.firstRound)).toBe(true);
  expect(checks.stateOf(a)).toBe('passing');
  book.tell('c', a, 'failing');
  book.keep(configOf({ ...checked(1), endpoints: spared }));
  checks.update(healthCheck, endpoints);
  expect(checks.stateOf(a)).toBe('pending');
});

test('the main thread tells of each change once, and keeps it for who begins later', () => {
  const told: string[] = [];
  const health = new ToldHealth((cluster, key, state) => told.push(`${cluster} ${key} ${state}`));
  const states = new Map<string, 'pending' | 'passing' | 'failing'>([
    [a, 'pending'],
    [b, 'pending'],
  ]);
  let outcome: (key: string, passed: boolean) => void = () => {};
  const make: MakeChecks = (_, __, onOutcome) => {
    outcome = onOutcome;
    return {
      firstRound: Promise.resolve(),
      update: () => {},
      stateOf: (key) => states.get(key),
      failureOf: () => '',
      stop: () => {},
    };
  };
  const checks = health.telling(make)(checked(1, 2), stats, () => {});
  for (const state of ['passing', 'passing', 'failing'] as const) {
    states.set(a, state);
    outcome(a, state === 'passing');
  }
  outcome(b, false);
  expect(told).toEqual([`c ${a} passing`, `c ${a} failing`]);
  expect(health.states).toEqual(new Map([['c', new Map([[a, 'failing']])]]));
  checks.update(healthCheck, checked(2).endpoints);
  expect(health.states).toEqual(new Map([['c', new Map()]]));
  checks.stop();
  expect(health.states.size).toBe(0);
});
