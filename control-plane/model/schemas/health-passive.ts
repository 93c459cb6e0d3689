/** Ejection by what real traffic meets: the `passive` of a HealthPolicy. */
import type { PassiveSpec } from '../cluster-specs.ts';
import { limits } from '../limits.ts';
import { duration, sharePercent } from './common.ts';
import { about, decimal, type Field, type FieldFault, fields, whole, yesNo } from './fields.ts';

const detection = 'Cluster.outlier_detection';

/** Envoy's own default; a longer `ejectFor` makes it longer. */
const maxEjectForMs = 300_000;

const volume = (
  minimumHosts: number,
  requestVolume: number,
  envoy: readonly [hosts: string, requests: string],
  leastHosts = 1,
) => ({
  minimumHosts: about(
    whole(leastHosts, limits.breaker).prefault(minimumHosts),
    'So many endpoints had enough requests, or none is judged.',
    envoy[0],
  ),
  requestVolume: about(
    whole(1, limits.breaker).prefault(requestVolume),
    'Requests in an interval from which on an endpoint is judged.',
    envoy[1],
  ),
});

const ours = "nothing of Envoy's: cluster metadata under `fairlead.passive`";

const successRate = fields({
  ...volume(5, 100, [`${detection}.success_rate_minimum_hosts`, `${detection}.success_rate_request_volume`]),
  stdevFactor: about(
    decimal(0, 1000).prefault(1.9),
    'So many standard deviations below the mean of all is too low.',
    `${detection}.success_rate_stdev_factor`,
  ),
});

const failurePercentage = fields({
  ...volume(5, 50, [`${detection}.failure_percentage_minimum_hosts`, `${detection}.failure_percentage_request_volume`]),
  threshold: about(
    sharePercent().prefault('85%'),
    'Failures from which on an endpoint is ejected.',
    `${detection}.failure_percentage_threshold`,
  ),
}).transform(({ threshold, ...rest }) => ({ ...rest, thresholdPercent: threshold }));

const latency = fields({
  // one has no peers
  ...volume(5, 100, [ours, ours], 2),
  factor: about(
    decimal(1, 1000).prefault(3),
    'A 99th percentile so many times the median of those of all endpoints is too slow.',
    ours,
  ),
  atLeast: about(duration().prefault('100ms'), 'What is faster than that is never too slow.', ours),
}).transform(({ atLeast, ...rest }) => ({ ...rest, atLeastMs: atLeast }));

const inARow = () => whole(0, limits.breaker).optional();

const ofNginx = ['maxFails', 'failTimeout'];

/** Nothing of it has a default of its own, so that `check` sees what was written. */
const written = fields(
  {
    consecutive5xx: about(
      inARow(),
      'Answers of 500 to 599 in a row that eject an endpoint, or requests without any answer; 0: off.',
      `${detection}.consecutive_5xx`,
      { 'x-default': '5' },
    ),
    consecutiveGateway: about(
      inARow(),
      'The same of 502, 503, 504 alone; 0: off.',
      `${detection}.consecutive_gateway_failure`,
      { 'x-default': '0' },
    ),
    consecutiveLocalOrigin: about(
      inARow(),
      'Requests in a row without an answer: no connection, reset, too late. They then count here alone; 0: off.',
      `${detection}.consecutive_local_origin_failure, split_external_local_origin_errors`,
      { 'x-default': '0' },
    ),
    interval: about(
      duration({ least: 10 }).optional(),
      'How often statistics are judged, and the ejected are taken back.',
      `${detection}.interval`,
      { 'x-default': '`10s`' },
    ),
    ejectFor: about(
      duration({ least: 1 }).optional(),
      'How long, times how often it was ejected before.',
      `${detection}.base_ejection_time`,
      { 'x-default': '`30s`' },
    ),
    maxEjectFor: about(duration({ least: 1 }).optional(), 'How long at most.', `${detection}.max_ejection_time`, {
      'x-default': '`5m`, or `ejectFor` if that is more',
    }),
    ejectJitter: about(
      duration().optional(),
      'At random on top, so that not all come back at once.',
      `${detection}.max_ejection_time_jitter`,
      { 'x-default': '`0s`' },
    ),
    maxEjected: about(
      sharePercent().optional(),
      'Of the endpoints, at a time; `0%` ejects none.',
      `${detection}.max_ejection_percent`,
      { 'x-default': '`10%`' },
    ),
    alwaysOne: about(
      yesNo().optional(),
      'One may be ejected also where that is more than `maxEjected`: of nine endpoints one is 11%.',
      `${detection}.always_eject_one_host`,
      { 'x-default': '`true`' },
    ),
    successRate: about(
      successRate.optional(),
      'Eject those with far more failures than the others.',
      `${detection}.enforcing_success_rate`,
      { 'x-default': 'off' },
    ),
    failurePercentage: about(
      failurePercentage.optional(),
      'Eject those of whose requests so many fail.',
      `${detection}.enforcing_failure_percentage`,
      { 'x-default': 'off' },
    ),
    latency: about(latency.optional(), 'Eject those that are far slower than the others; nodes of ours alone.', ours, {
      'x-default': 'off',
    }),
    maxFails: about(
      inARow(),
      "nginx's words, alone or with `failTimeout`: requests without an answer within that time that take an endpoint out, for as long; 0: off.",
      `${ours}; ${detection}.consecutive_local_origin_failure for Envoys`,
      { 'x-default': '1, beside `failTimeout`' },
    ),
    failTimeout: about(
      duration({ least: 1 }).optional(),
      'Of `maxFails`.',
      `${ours}; ${detection}.base_ejection_time for Envoys`,
      { 'x-default': '`10s`, beside `maxFails`' },
    ),
  },
  { check: eitherWords },
);

function eitherWords(passive: Readonly<Record<string, unknown>>): FieldFault | undefined {
  const said = Object.keys(passive).filter((field) => passive[field] !== undefined);
  const nginx = said.find((field) => ofNginx.includes(field));
  const other = said.find((field) => !ofNginx.includes(field));
  if (nginx === undefined || other === undefined) {
    const { ejectFor, maxEjectFor } = passive;
    if (typeof ejectFor !== 'number' || typeof maxEjectFor !== 'number' || maxEjectFor >= ejectFor) return undefined;
    const detail = 'The longest ejection is shorter than the first.';
    return { field: 'maxEjectFor', detail, remedy: 'Write `ejectFor` or more.' };
  }
  const detail = `\`${nginx}\` is nginx's word for all of it; \`${other}\` has no place beside it.`;
  return { field: other, detail, remedy: 'Take it out, or say everything in the other words.' };
}

/** Null: off. */
export const passiveSchema: Field<PassiveSpec | null> = written.transform((passive): PassiveSpec | null => {
  const { maxFails, failTimeout } = passive;
  const ejectForMs = passive.ejectFor ?? 30_000;
  const said: PassiveSpec = {
    consecutive5xx: passive.consecutive5xx ?? 5,
    consecutiveGateway: passive.consecutiveGateway ?? 0,
    consecutiveLocalOrigin: passive.consecutiveLocalOrigin ?? 0,
    intervalMs: passive.interval ?? 10_000,
    ejectForMs,
    maxEjectForMs: passive.maxEjectFor ?? Math.max(maxEjectForMs, ejectForMs),
    ejectJitterMs: passive.ejectJitter ?? 0,
    maxEjectedPercent: passive.maxEjected ?? 10,
    alwaysOne: passive.alwaysOne ?? true,
    successRate: passive.successRate ?? null,
    failurePercentage: passive.failurePercentage ?? null,
    latency: passive.latency ?? null,
    maxFails: null,
  };
  if (maxFails === undefined && failTimeout === undefined) return said;
  return maxFails === 0 ? null : { ...said, ...asNginx(maxFails ?? 1, failTimeout ?? 10_000) };
});

/** As near as Envoy's words come: nginx counts requests without an answer, and lets all endpoints go at once. */
function asNginx(fails: number, windowMs: number): Partial<PassiveSpec> {
  return {
    maxFails: { fails, windowMs },
    ...{ consecutive5xx: 0, consecutiveLocalOrigin: fails, maxEjectedPercent: 100 },
    // looked at often, so that none stays out much longer than it should
    ...{ ejectForMs: windowMs, maxEjectForMs: windowMs, intervalMs: Math.min(1_000, windowMs) },
  };
}

/** Of a cluster that says nothing of its health. */
export const defaultPassive: PassiveSpec | null = passiveSchema.parse({});
