/**
 * Preloaded into a control plane (`--import`): nodes are asked for their load every second, the least that ours agree to,
 * and replicas follow each other as much faster. Nobody is forgotten for being late, on however busy a machine.
 */
import { limits as fleetLimits } from '../../control-plane/fleet/limits.ts';
import { limits as xdsLimits } from '../../control-plane/xds/limits.ts';

Object.assign(xdsLimits, { loadReportMs: 1_000 });
Object.assign(fleetLimits, {
  ...{ loadIntervals: 300, loadWritePace: { settleMs: 100, gapMs: 400 } },
  ...{ heartbeatMs: 500, deadReplicaMs: 3_000 },
});
