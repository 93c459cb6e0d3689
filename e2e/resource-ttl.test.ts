/** A group's `resourceTtl`: its nodes drop what no control plane confirms; without it they serve on for ever. */
import { afterAll, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { ownLoopback } from './support/ports.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

/** Confirmed three times in each: a machine may stall for a second and a half. */
const lifeMs = 2_400;
/** Long enough that nobody would serve without having been confirmed. */
const servedMs = 1.1 * lifeMs;

const documents = (backendPort: number): string => `kind: NodeGroup
name: mortal
spec: { resourceTtl: ${lifeMs}ms }
---
kind: NodeGroup
name: edge
spec: {}
---
kind: Listener
name: public
spec: { groups: [mortal, edge], address: 127.0.0.1, port: 0 }
---
kind: Cluster
name: a
spec: { endpoints: { address: 127.0.0.1, port: ${backendPort} } }
---
kind: Route
name: a
spec: { hosts: ["*"], to: { cluster: a } }
`;

type Port = () => Promise<number>;

/** Asks a node for so long; every answer has to be the backend's. */
async function serves(port: Port, ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  await waitFor(`${ms} ms to pass`, async () => {
    expect((await request(await port(), { path: '/' })).status).toBe(200);
    return performance.now() > untilMs ? true : undefined;
  });
}

/** Resolves once a node has no listener any more. */
const stops = (port: Port): Promise<unknown> => waitFor('the listener to be gone', () => port().then(no, () => true));
const no = (): undefined => undefined;

const withEnvoy = requirePeer('envoy');

/** In the incremental variant. */
async function startMortalEnvoy(controlPlane: ControlPlaneProcess): Promise<RunningEnvoy> {
  const bootstrap = ['bootstrap', 'envoy', '--group', 'mortal', '--id', 'envoy', '--variant', 'delta'];
  const envoy = await startEnvoy({ bootstrap: (await run(bootstrap, controlPlane.env)).stdout });
  cleanup.add(() => envoy.stop());
  return envoy;
}

test('heartbeats keep nodes serving, ours and Envoy; without a control plane they stop, and one without a time to live does not', async () => {
  const first = await startControlPlane(cleanup, { xds: `${ownLoopback()}:0` });
  await first.apply(documents((await startBackend(cleanup, 'a')).port));
  const [ours, edge, envoy] = await Promise.all([
    startDataPlane(cleanup, first, 'mortal', 'm1'),
    startDataPlane(cleanup, first, 'edge', 'e1'),
    ...(withEnvoy ? [startMortalEnvoy(first)] : []),
  ]);
  const mortal: Port[] = [() => ours.port('public'), ...(envoy ? [() => envoy.listenerPort('public')] : [])];
  await Promise.all(mortal.map((port) => serves(port, servedMs)));
  await first.program.stop('SIGKILL');
  await Promise.all(mortal.map(stops));
  await serves(() => edge.port('public'), 0);
  expect(await envoy?.admin('/ready')).toBe(envoy && 'LIVE\n');
  const { home, xds } = first;
  await startControlPlane(cleanup, { home, xds });
  await waitFor('the node to serve again', () => ours.port('public').catch(no));
  await serves(() => ours.port('public'), servedMs);
}, 120_000);
