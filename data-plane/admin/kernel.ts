/** `/kernel`: which listeners the system's kernel carries, why not the others, and what went where. */
import { oneLine } from './answer.ts';
import type { KernelView } from './parts.ts';

export function kernelText({ table, state, fault, listeners, endpoints }: KernelView): string {
  const lines = [
    `table::${table}`,
    `state::${state}`,
    ...(fault === null ? [] : [`fault::${fault}`]),
    ...listeners.flatMap(({ name, protocol, datapath, reasons, lost }) => [
      `${name}::${protocol}::${datapath}`,
      ...reasons.map((reason) => `${name}::in user space: ${reason}`),
      ...lost.map((what) => `${name}::lost: ${what}`),
    ]),
    ...endpoints.map(
      ({ listener, cluster, endpoint, flows, sentBytes, receivedBytes }) =>
        `${listener}::${cluster}::${endpoint}::flows::${flows}::tx_bytes::${sentBytes}::rx_bytes::${receivedBytes}`,
    ),
  ];
  return lines.map((line) => `${oneLine(line)}\n`).join('');
}

export function kernelJson({ table, state, fault, listeners, endpoints }: KernelView): unknown {
  return {
    ...{ table, state, ...(fault === null ? {} : { fault }), listeners },
    endpoints: endpoints.map(({ sentBytes, receivedBytes, ...rest }) => {
      return { ...rest, tx_bytes: sentBytes, rx_bytes: receivedBytes };
    }),
  };
}
