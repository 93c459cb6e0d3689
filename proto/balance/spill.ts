/**
 * How the load of a cluster spills over its priorities, and which of them are in panic. All of it as in Envoy, in whole
 * percents: a proxy beside us sends the same shares to the same places. Pure.
 */

/** What counts of the endpoints of one priority: their number, or their weights. */
export interface PriorityHealth {
  readonly hosts: number;
  /** Of the hosts; those that are not checked yet, or drain. */
  readonly excluded: number;
  readonly healthy: number;
  readonly degraded: number;
  /** The same in weights, where these are what counts; without the excluded. */
  readonly capacity: { readonly healthy: number; readonly degraded: number; readonly whole: number };
}

export interface PriorityLoads {
  /** Percent of all picks, by priority; with those of `degraded` they sum to 100. */
  readonly healthy: readonly number[];
  readonly degraded: readonly number[];
  /** By priority: health is disregarded. */
  readonly panic: readonly boolean[];
}

export interface SpillRules {
  /** 140: a priority takes its whole load as long as 1 of 1.4 endpoints is well. */
  readonly overprovisioningPercent: number;
  /** 0: no panic. */
  readonly panicPercent: number;
}

/** @param priorities from 0 on, those without endpoints included; at least one */
export function spill(priorities: readonly PriorityHealth[], rules: SpillRules): PriorityLoads {
  const healthy = priorities.map(({ capacity }) => availability(capacity.healthy, capacity.whole, rules));
  const degraded = priorities.map(({ capacity }) => availability(capacity.degraded, capacity.whole, rules));
  const available = Math.min(100, sum(healthy) + sum(degraded));
  const threshold = Math.min(100, rules.panicPercent);
  // a priority may be as ill as it likes while all of them together can take the whole load
  const panic = priorities.map((one) => available < 100 && wellPercent(one) < threshold);
  if (panic.every(Boolean)) return totalPanic(priorities, panic);
  if (available === 0) return { ...onlyFirst(priorities), panic };
  return { ...share(healthy, degraded, available), panic };
}

function availability(well: number, whole: number, { overprovisioningPercent }: SpillRules): number {
  return whole === 0 ? 0 : Math.min(100, Math.floor((overprovisioningPercent * well) / whole));
}

function wellPercent({ hosts, excluded, healthy, degraded }: PriorityHealth): number {
  const counted = hosts - excluded;
  return counted === 0 ? 0 : (100 * healthy) / counted + (100 * degraded) / counted;
}

/** In order and by what each can take: first to the healthy, what is left to the degraded. */
function share(
  healthy: readonly number[],
  degraded: readonly number[],
  available: number,
): Pick<PriorityLoads, 'healthy' | 'degraded'> {
  let left = 100;
  const take = (availabilities: readonly number[]): number[] =>
    availabilities.map((one) => {
      const load = Math.min(left, Math.floor((100 * one) / available));
      left -= load;
      return load;
    });
  const loads = { healthy: take(healthy), degraded: take(degraded) };
  // what rounding has left over
  const first = healthy.findIndex((one) => one > 0);
  if (first >= 0) loads.healthy[first]! += left;
  else loads.degraded[degraded.findIndex((one) => one > 0)]! += left;
  return loads;
}

/** Nobody may be used anywhere: the first priority is asked, and has nobody. */
function onlyFirst(priorities: readonly PriorityHealth[]): Pick<PriorityLoads, 'healthy' | 'degraded'> {
  return { healthy: priorities.map((_, index) => (index === 0 ? 100 : 0)), degraded: priorities.map(() => 0) };
}

/** By the number of endpoints, whatever their health. */
function totalPanic(priorities: readonly PriorityHealth[], panic: readonly boolean[]): PriorityLoads {
  const hosts = priorities.map((one) => one.hosts);
  const all = sum(hosts);
  if (all === 0) return { ...onlyFirst(priorities), panic };
  const healthy = hosts.map((one) => Math.floor((100 * one) / all));
  healthy[hosts.findIndex((one) => one > 0)]! += 100 - sum(healthy);
  return { healthy, degraded: hosts.map(() => 0), panic };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/**
 * Where a number falls among the loads: the priority, or with `degraded` the number of priorities more.
 * @param percentile from 1 to 100
 */
export function choosePriority({ healthy, degraded }: PriorityLoads, percentile: number): number {
  const count = healthy.length;
  let upTo = 0;
  for (let index = 0; index < count; index++) {
    upTo += healthy[index]!;
    if (percentile <= upTo) return index;
  }
  for (let index = 0; index < count; index++) {
    upTo += degraded[index]!;
    if (percentile <= upTo) return count + index;
  }
  return 0;
}
