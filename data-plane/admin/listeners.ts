/** `/listeners`: where each listener is bound, or why it is not. */
import { hostPort, oneLine, socketAddress } from './answer.ts';
import type { ListenerView } from './parts.ts';

export function listenersText(listeners: readonly ListenerView[]): string {
  return listeners
    .map(({ name, address, port, error }) => {
      const trouble = error === null ? '' : `::not bound: ${oneLine(error)}`;
      return `${oneLine(name)}::${hostPort(address, port)}${trouble}\n`;
    })
    .join('');
}

/** envoy.admin.v3.Listeners, with the connections and the trouble beside. */
export function listenersJson(listeners: readonly ListenerView[]): unknown {
  return {
    listener_statuses: listeners.map(({ name, address, port, udp, connections, error }) => ({
      name,
      local_address: udp
        ? { socket_address: { protocol: 'UDP', ...socketAddress(address, port).socket_address } }
        : socketAddress(address, port),
      connections,
      ...(error === null ? {} : { error }),
    })),
  };
}
