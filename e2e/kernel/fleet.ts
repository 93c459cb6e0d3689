/** Fairlead as its users start it, inside the namespace of the node: a control plane, documents, a node by the command line. */
import { Cleanup, startControlPlane, startDataPlane, waitFor } from '../support/fairlead.ts';
import { backendAddress, nodeAddress } from './namespaces.ts';

export interface FleetView {
  readonly listeners: readonly { readonly name: string; readonly datapath: string }[];
  readonly endpoints: readonly { readonly listener: string; readonly flows: number }[];
}

const [id = '', tcpPort = '', udpPort = '', backendPort = ''] = process.argv.slice(2);
const endpoints = [0, 1, 2].map((index) => `{ address: ${backendAddress(index, 4)}, port: ${backendPort} }`).join(', ');
const cluster = `balance: { policy: maglev }, health: { passive: off }, endpoints: [${endpoints}]`;
const documents = `
{ kind: NodeGroup, name: front, spec: { tier: l4 } }
---
kind: Listener
name: front
spec: { groups: [front], address: 0.0.0.0, port: ${tcpPort}, protocol: tcp, accessLog: off }
---
kind: Listener
name: dns
spec: { groups: [front], address: ${nodeAddress[4]}, port: ${udpPort}, protocol: udp, accessLog: off }
---
{ kind: Cluster, name: streams, spec: { protocol: tcp, ${cluster} } }
---
{ kind: Cluster, name: datagrams, spec: { protocol: udp, ${cluster} } }
---
{ kind: L4Route, name: front, spec: { listener: front, hash: five-tuple, to: [{ cluster: streams }] } }
---
{ kind: L4Route, name: dns, spec: { listener: dns, hash: five-tuple, idleTimeout: 3s, to: [{ cluster: datagrams }] } }
`;

const cleanup = new Cleanup();
process.on('disconnect', () => process.exit(1));
try {
  const controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(documents);
  const node = await startDataPlane(
    cleanup,
    controlPlane,
    'front',
    id,
    ['--limit', 'announce=100ms', '--concurrency', '2'],
    {
      FAIRLEAD_KERNEL: 'on',
    },
  );
  const look = async (): Promise<FleetView> =>
    (await (await fetch(`${node.admin}/kernel?format=json`)).json()) as FleetView;
  await waitFor('two listeners in the kernel', async () => {
    const { listeners } = await look();
    return listeners.filter(({ datapath }) => datapath === 'kernel').length === 2 || undefined;
  });
  process.on('message', () => void look().then((view) => process.send!({ view })));
  process.send!({ ready: true });
  await new Promise((resolve) => process.once('SIGTERM', resolve));
} finally {
  await cleanup.run();
}
process.exit(0);
