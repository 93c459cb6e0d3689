/** What the kernel datapath does; Envoy has none, so the names are ours. */
import type { StatsRegistry } from './registry.ts';

export type KernelStats = ReturnType<typeof kernelStats>;

export function kernelStats(registry: StatsRegistry) {
  const scope = registry.scope('kernel.', 'fairlead_kernel_', {});
  return {
    listeners: scope.gauge('listeners', 'Listeners whose flows the kernel carries'),
    listenersRefused: scope.gauge(
      'listeners_refused',
      'Listeners that insist on the kernel, and are served by user space',
    ),
    changes: scope.counter('changes', 'Transactions that changed rules or slots'),
    slotsChanged: scope.counter('slots_changed', 'Slots that got another endpoint'),
    failures: scope.counter('failures', 'Runs of nft that failed'),
    flows: scope.counter('flows_total', 'Flows that the kernel took'),
    sentBytes: scope.counter('tx_bytes_total', 'Bytes to endpoints, heads of packets included'),
    receivedBytes: scope.counter('rx_bytes_total', 'Bytes from endpoints, heads of packets included'),
  };
}
