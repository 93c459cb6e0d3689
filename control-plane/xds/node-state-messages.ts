/** States of nodes off the wire: messages to plain values. They are a node's word, and bounded. */
import { isIP } from 'node:net';
import type { NodeState } from '../../proto/envoy.ts';
import { limits } from './limits.ts';
import type { BoundListener, NodePhase, NodeStateReport } from './ports.ts';

type ReportedListener = NonNullable<NodeState['listeners']>[number];

const phases: ReadonlyMap<unknown, NodePhase> = new Map([
  ['LIVE', 'live'],
  ['LEAVING', 'leaving'],
]);

/** What is no listener at an address is left out. A node in no phase that is known is not ready. */
export function stateOf({ phase, listeners = [], connections = 0 }: NodeState): NodeStateReport {
  return {
    phase: phases.get(phase) ?? 'initializing',
    listeners: listeners.slice(0, limits.stateListeners).flatMap((one) => listenerOf(one) ?? []),
    connections,
  };
}

function listenerOf({ name = '', address = '', port = 0, udp = false }: ReportedListener): BoundListener | undefined {
  if (name === '' || name.length > limits.nodeNameLength || isIP(address) === 0) return undefined;
  return port >= 1 && port <= 65_535 ? { name, address, port, udp } : undefined;
}
