/**
 * A data-plane node without a control plane: its configuration comes over the channel to its parent. Everything else is
 * put together as in data-plane/wire.ts, the end included.
 */
import { carryAlone } from '../../data-plane/carrier.ts';
import { KernelDatapath } from '../../data-plane/l4/kernel/datapath.ts';
import { realSystem } from '../../data-plane/l4/kernel/nft.ts';
import { createLogger } from '../../data-plane/logging.ts';
import type { ClusterConfig, ListenerConfig } from '../../data-plane/model/config.ts';
import { readSettings } from '../../data-plane/settings.ts';
import { kernelStats } from '../../data-plane/telemetry/kernel-stats.ts';
import { StatsRegistry } from '../../data-plane/telemetry/registry.ts';
import { now, setTimer } from '../../data-plane/world.ts';

export type ToNode =
  | {
      readonly type: 'config';
      readonly listeners: readonly ListenerConfig[];
      readonly clusters: readonly ClusterConfig[];
    }
  | { readonly type: 'look' };

const [id = 'n1', drainMs = '1000'] = process.argv.slice(2);
const settings = readSettings(['--group', 'front', '--id', id, '--concurrency', '1'], {});
const logger = createLogger(id);
const registry = new StatsRegistry();
const carrier = carryAlone(settings, new Map(), registry, logger);
const kernel = new KernelDatapath({
  ...{
    id,
    zone: '',
    system: realSystem(process.env, true),
    clusters: carrier.node.clusters,
    registry,
    logger,
    now,
    setTimer,
  },
  bound: () => carrier.bound(),
  stats: kernelStats(registry),
  soon: setImmediate,
});
process.on('message', (message: ToNode) => {
  if (message.type === 'look') {
    const counters = Object.fromEntries(
      registry.list().flatMap((one) => (one.kind === 'histogram' ? [] : [[one.name.stat, one.read()]])),
    );
    process.send!({ view: kernel.view, counters });
    return;
  }
  const byName = <T extends { readonly name: string }>(all: readonly T[]) => new Map(all.map((one) => [one.name, one]));
  const config = { listeners: byName(message.listeners), clusters: byName(message.clusters) };
  void carrier.node.apply(config).then(() => kernel.take(config));
});
process.on('SIGTERM', () => {
  void Promise.all([carrier.node.drain(Number(drainMs)), kernel.drain(Number(drainMs))]).then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(1));
