/** Looks at memory and event loop four times a second, and has the measures against overload carried out. */
import type { HttpShared } from '../l7/http-context.ts';
import type { NodeLimits } from '../limits.ts';
import type { ConnectionGate } from '../listener/connection-gate.ts';
import type { OverloadStats } from '../telemetry/stats.ts';
import type { Logger } from './logger.ts';
import { LoopDelay } from './loop-delay.ts';
import { type Measures, measuresFor } from './overload.ts';

/** Envoy's edge page. */
const refreshMs = 250;
/** Five seconds of samples: a single pause, for a configuration say, is no overload. */
const sampleMs = 25;
const samples = 200;
/** Two seconds: a burst of work that is over by then is no overload either. */
const busyShareCount = 8;

export interface OverloadDeps {
  readonly limits: NodeLimits;
  readonly now: () => number;
  readonly setTimer: (callback: () => void, ms: number) => void;
  /** Of the memory that there may be, 0 to 1. */
  readonly memoryShare: () => number;
  /** Since the call before, the share of the time in which this thread worked. */
  readonly busyShare: () => number;
  readonly shared: Pick<HttpShared, 'load'>;
  readonly gate: ConnectionGate;
  readonly listeners: { shedIdle(): void };
  readonly stats: OverloadStats;
  readonly logger: Logger;
}

const calm: Measures = { shedsIdle: false, stopsAccepting: false, refusedShare: 0 };

/** Goes on until the process ends. */
export function watchOverload(deps: OverloadDeps): void {
  const { limits, now, setTimer, shared, gate, listeners, stats, logger } = deps;
  const delay = new LoopDelay(samples);
  let busyShares: number[] = [];
  let last = calm;

  const sample = (): void => {
    const plannedMs = now() + sampleMs;
    setTimer(() => {
      delay.add(Math.max(0, now() - plannedMs));
      sample();
    }, sampleMs);
  };

  const refresh = (): void => {
    busyShares = [...busyShares, deps.busyShare()].slice(-busyShareCount);
    const readings = {
      memoryShare: deps.memoryShare(),
      loopDelayMs: delay.p99Ms,
      busyShare: busyShares.reduce((sum, share) => sum + share, 0) / busyShareCount,
    };
    const measures = measuresFor(readings, limits);
    gate.shut = measures.stopsAccepting;
    shared.load.refusedShare = measures.refusedShare;
    if (measures.shedsIdle) listeners.shedIdle();
    stats.memoryPressure.value = Math.round(readings.memoryShare * 100);
    stats.loopDelayMs.value = Math.round(readings.loopDelayMs);
    stats.shedsIdle.value = Number(measures.shedsIdle);
    stats.stopsAccepting.value = Number(measures.stopsAccepting);
    stats.refusedPercent.value = Math.round(measures.refusedShare * 100);
    if (kindOf(measures) !== kindOf(last)) {
      const event = { event: 'overload', ...measures, ...readings };
      if (kindOf(measures) === kindOf(calm)) logger.info(event, 'no longer overloaded');
      else logger.warn(event, 'overloaded: see docs/limits.md');
    }
    last = measures;
    setTimer(refresh, refreshMs);
  };

  sample();
  setTimer(refresh, refreshMs);
}

const kindOf = ({ shedsIdle, stopsAccepting, refusedShare }: Measures): string =>
  `${shedsIdle} ${stopsAccepting} ${refusedShare > 0}`;
