/** Which endpoint serves next: the `balance` and `slowStart` of a Cluster. */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { type Fault, listing, type Path } from '../problems.ts';
import type { BalanceSpec, ClusterSpec, EndpointSpec, PolicySpec, SlowStartSpec } from '../specs.ts';
import { duration, percent, plainText, wholePercent } from './common.ts';
import {
  about,
  decimal,
  type Field,
  type FieldFault,
  fields,
  itself,
  listOf,
  report,
  whole,
  word,
  yesNo,
} from './fields.ts';

type PolicyName = PolicySpec['policy'];

const policies: readonly PolicyName[] = [
  'round-robin',
  'random',
  'least-request',
  'ring-hash',
  'maglev',
  'utilization',
];

/** Settings that belong to some of the policies. */
const policiesOf: Readonly<Record<string, readonly PolicyName[]>> = {
  choices: ['least-request', 'utilization'],
  fullScan: ['least-request'],
  bias: ['least-request'],
  function: ['ring-hash'],
  minSize: ['ring-hash'],
  maxSize: ['ring-hash'],
  tableSize: ['maglev'],
  boundedLoad: ['ring-hash', 'maglev'],
  // not of Envoy's hashing policies
  failClosed: ['round-robin', 'random', 'least-request', 'utilization'],
};

const ringSize = () => whole(1, limits.ringSize);

const prime = whole(2, limits.maglevTableSize).superRefine((size, ctx) => {
  // what is out of range was refused for that
  if (size < 2 || size > limits.maglevTableSize || isPrime(size)) return;
  report(ctx, { detail: `${size} is no prime.`, remedy: `Write ${nextPrime(size)}, the next prime.` });
});

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return number >= 2;
}

/** The largest size allowed is one. */
function nextPrime(number: number): number {
  return isPrime(number) ? number : nextPrime(number + 1);
}

const zoneWeights = z
  .record(z.string(), whole(0, limits.localityWeight), {
    error: 'Write `zone-aware`, or an object of zones and weights, `{ a: 3, b: 1 }`.',
  })
  .superRefine((weights, ctx) => {
    if (Object.values(weights).some((weight) => weight > 0)) return;
    report(ctx, { detail: 'No zone has a weight: none would get anything.', remedy: 'Give one of them a weight.' });
  });

const localities = z.union([word(['zone-aware']), zoneWeights]);

const subset = listOf(plainText(1, limits.labelKeyLength), {
  least: 1,
  most: limits.labelsPerSubset,
  unique: { what: 'The label', key: itself },
});

const subsets = z
  .array(subset, { error: 'Write a list of lists of labels, such as `[[version], [version, stage]]`.' })
  .max(limits.subsets)
  .superRefine((lists, ctx) => {
    const seen = new Set<string>();
    lists.forEach((labels, index) => {
      const key = [...labels].sort().join();
      if (seen.has(key)) {
        report(ctx, { detail: 'These labels are written twice.', remedy: 'Keep one of them.' }, { path: [index] });
      }
      seen.add(key);
    });
  });

export const balanceSchema = fields(
  {
    policy: about(
      word(policies).optional(),
      "How the next endpoint is chosen; gRPC's own clients know `round-robin` and `ring-hash` alone. `utilization` is our own: an Envoy takes `least-request` instead.",
      'Cluster.lb_policy; Cluster.load_balancing_policy for `utilization`',
      { 'x-default': '`least-request`; `round-robin` for http2 and grpc' },
    ),
    choices: about(
      whole(2, 10).optional(),
      '`least-request` and `utilization`: how many are drawn, of which the least busy is taken.',
      'Cluster.least_request_lb_config.choice_count',
      { 'x-default': '2' },
    ),
    fullScan: about(
      yesNo().optional(),
      '`least-request`: all endpoints are looked at, not only `choices` of them.',
      'Cluster.load_balancing_policy: LeastRequest.selection_method',
      { 'x-default': '`false`' },
    ),
    bias: about(
      decimal(0, 100).optional(),
      '`least-request` where weights differ: an endpoint counts as its weight divided by its requests under way, plus one, to this power; 0: by the weights alone.',
      'Cluster.least_request_lb_config.active_request_bias',
      { 'x-default': '1' },
    ),
    function: about(
      word(['xx-hash', 'murmur-hash-2']).optional(),
      '`ring-hash`: what hashes the endpoints.',
      'Cluster.ring_hash_lb_config.hash_function',
      { 'x-default': '`xx-hash`' },
    ),
    minSize: about(
      ringSize().optional(),
      '`ring-hash`: entries of the ring at least; more where the weights need more.',
      'Cluster.ring_hash_lb_config.minimum_ring_size',
      { 'x-default': '1024' },
    ),
    maxSize: about(
      ringSize().optional(),
      '`ring-hash`: entries of the ring at most.',
      'Cluster.ring_hash_lb_config.maximum_ring_size',
      { 'x-default': `${limits.ringSize}` },
    ),
    tableSize: about(
      prime.optional(),
      '`maglev`: entries of the table, a prime; a hundred times the endpoints keeps their shares within one percent.',
      'Cluster.maglev_lb_config.table_size',
      { 'x-default': '65537', 'x-type': `a prime up to ${limits.maglevTableSize}` },
    ),
    boundedLoad: about(
      wholePercent(100, limits.boundedLoadPercent).optional(),
      '`ring-hash` and `maglev`: an endpoint with more than this share of the average load passes its keys on.',
      'Cluster.common_lb_config.consistent_hashing_lb_config.hash_balance_factor',
      { 'x-default': 'no bound' },
    ),
    localities: about(
      localities.optional(),
      "`zone-aware`: the node's own zone first, as far as that loads all endpoints equally. An object: the weights of the zones, `{ a: 3, b: 1 }`; every endpoint stands in one of them.",
      'Cluster.common_lb_config.zone_aware_lb_config; locality_weighted_lb_config with LocalityLbEndpoints.load_balancing_weight',
      { 'x-default': 'all zones are one pool', 'x-type': '`zone-aware` | object of weights' },
    ),
    subsets: about(
      subsets.optional(),
      'Labels by which routes may choose, in lists of those that go together: `[[version]]` for routes with `subset: { version: v2 }`. Who chooses nothing gets any endpoint; who chooses what is not there, none.',
      'Cluster.lb_subset_config',
      { 'x-default': 'none', 'x-type': 'list of lists of labels' },
    ),
    panic: about(
      percent().prefault('50%'),
      'With a smaller share of them well, all are used; `0%` is off.',
      'Cluster.common_lb_config.healthy_panic_threshold',
    ),
    failClosed: about(
      yesNo().optional(),
      'With a smaller share than `panic` of them well, none is used instead. Not of `ring-hash` and `maglev`.',
      'Cluster.common_lb_config.zone_aware_lb_config.fail_traffic_on_panic',
      { 'x-default': '`false`' },
    ),
  },
  { check: balanceFaults },
);

type Balance = z.output<typeof balanceSchema>;

/** Settings of other policies, and sizes the wrong way round. */
function balanceFaults(balance: Readonly<Record<string, unknown>>): FieldFault[] {
  const policy = balance['policy'] as PolicyName | undefined;
  // of one that nobody wrote the protocol decides, and both of these know the same
  const known = policy ?? 'least-request';
  const faults = Object.entries(policiesOf).flatMap(([field, owners]): FieldFault[] => {
    const value = balance[field];
    if (value === undefined || value === false || owners.includes(known) || !policies.includes(known)) return [];
    const detail = `\`${field}\` is no setting of \`${known}\`.`;
    return [{ field, detail, remedy: `Take it out, or write \`policy: ${owners.join('` or `')}\`.` }];
  });
  const { minSize, maxSize, localities, failClosed, fullScan, choices } = balance;
  if (fullScan === true && choices !== undefined) {
    faults.push({ field: 'choices', detail: 'With `fullScan` nothing is drawn.', remedy: 'Keep one of them.' });
  }
  if (failClosed === true && typeof localities === 'object') {
    const detail = 'Where zones have weights, all endpoints are used in panic.';
    faults.push({ field: 'failClosed', detail, remedy: 'Take it out, or write `panic: 0%`.' });
  }
  if (localities === 'zone-aware' && (policy === 'ring-hash' || policy === 'maglev')) {
    const detail = `\`${policy}\` sends a key to its endpoint in whatever zone.`;
    faults.push({ field: 'localities', detail, remedy: 'Take it out, or write the weights of the zones.' });
  }
  if (typeof minSize === 'number' && typeof maxSize === 'number' && minSize > maxSize) {
    const detail = `The least size, ${minSize}, is more than the most, ${maxSize}.`;
    faults.push({ field: 'minSize', detail, remedy: `Write ${maxSize} or less.` });
  }
  return faults;
}

export function balanceOf(written: Balance, protocol: ClusterSpec['protocol']): BalanceSpec {
  return {
    ...policyOf(written, protocol),
    panicPercent: written.panic,
    failClosed: written.failClosed ?? false,
    localities: written.localities ?? null,
    subsets: (written.subsets ?? []).map((labels) => [...labels].sort()),
  };
}

function policyOf(written: Balance, protocol: ClusterSpec['protocol']): PolicySpec {
  // the one that gRPC's own clients know too
  const isGrpc = protocol === 'http2' || protocol === 'grpc';
  const asked = [written.choices, written.fullScan, written.bias].some((setting) => setting !== undefined);
  const policy = written.policy ?? (isGrpc && !asked ? 'round-robin' : 'least-request');
  const choices = written.choices ?? 2;
  const boundedLoadPercent = written.boundedLoad ?? null;
  switch (policy) {
    case 'round-robin':
    case 'random':
      return { policy };
    case 'least-request':
      return { policy, choices, fullScan: written.fullScan ?? false, bias: written.bias ?? null };
    case 'utilization':
      return { policy, choices };
    case 'ring-hash': {
      const { function: hash = 'xx-hash', maxSize = limits.ringSize } = written;
      const minSize = written.minSize ?? Math.min(1024, maxSize);
      return { policy, function: hash, minSize, maxSize, boundedLoadPercent };
    }
    case 'maglev':
      return { policy, tableSize: written.tableSize ?? 65_537, boundedLoadPercent };
  }
}

export const slowStartSchema: Field<SlowStartSpec> = fields({
  window: about(
    duration({ least: 1 }).prefault('60s'),
    'So long after it joins, or comes back, an endpoint is given less than its share.',
    'slow_start_config.slow_start_window',
  ),
  aggression: about(
    decimal(0.01, 100).prefault(1),
    'How fast its share grows: 1 evenly, more faster at first.',
    'slow_start_config.aggression',
  ),
  minWeight: about(
    percent().prefault('10%'),
    'Of its weight, from the beginning.',
    'slow_start_config.min_weight_percent',
  ),
}).transform(({ window, aggression, minWeight }) => ({
  windowMs: window,
  aggression,
  minWeightPercent: minWeight,
}));

const slowStarters: readonly PolicyName[] = ['round-robin', 'least-request', 'utilization'];

interface Misfit {
  readonly path: Path;
  readonly fault: Fault;
}

interface Parts {
  readonly balance: BalanceSpec;
  readonly slowStart: SlowStartSpec | null;
  readonly endpoints: readonly EndpointSpec[];
  readonly dns: ClusterSpec['dns'];
  readonly nodes: ClusterSpec['nodes'];
}

/** What of a cluster does not go with its balancing, and where it says that. */
export function balanceMisfits({ balance, slowStart, endpoints, dns, nodes }: Parts): Misfit[] {
  const misfits: Misfit[] = [];
  if (slowStart !== null && !slowStarters.includes(balance.policy)) {
    const detail = `\`${balance.policy}\` gives no endpoint less for being new.`;
    const remedy = 'Take `slowStart` out, or write `policy: round-robin`, `least-request` or `utilization`.';
    misfits.push({ path: ['slowStart'], fault: { detail, remedy } });
  }
  if (dns !== null && (balance.localities !== null || balance.subsets.length > 0)) {
    const [field, what] = balance.localities !== null ? ['localities', 'zone'] : ['subsets', 'labels'];
    const detail = `What a name leads to stands in no ${what === 'zone' ? what : `subset: it has no ${what}`}.`;
    misfits.push({ path: ['balance', field], fault: { detail, remedy: 'Take it out, or write `endpoints`.' } });
    return misfits;
  }
  const weights = balance.localities;
  if (nodes !== null && (balance.subsets.length > 0 || (weights !== null && weights !== 'zone-aware'))) {
    const [field, what] =
      balance.subsets.length > 0 ? ['subsets', 'have no labels'] : ['localities', 'may come in any zone'];
    const remedy = 'Take it out, or write `endpoints`.';
    misfits.push({ path: ['balance', field], fault: { detail: `Nodes ${what}.`, remedy } });
    return misfits;
  }
  if (weights === null || weights === 'zone-aware') return misfits;
  const unnamed = new Set(endpoints.flatMap(({ zone }) => (Object.hasOwn(weights, zone) ? [] : [zone])));
  if (unnamed.size > 0) {
    const zones = listing(Array.from(unnamed, (zone) => (zone === '' ? 'none' : zone)));
    const detail = `Endpoints stand in zones without a weight, ${zones}: they would get nothing.`;
    misfits.push({ path: ['balance', 'localities'], fault: { detail, remedy: 'Give every zone a weight; 0 is one.' } });
  }
  return misfits;
}
