/** A group's `resourceTtl`: its nodes drop what no control plane confirms; without it they serve on for ever. */
import { afterAll, expect, test } from 'vitest';
import { startEnvoy } from './support/envoy.ts';
import { Cleanup, request, run, startBackend, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';
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

/** They wait for times to live to run out, several times over. */
const timeoutMs = 120_000;

test.concurrent('heartbeats keep a node serving; without a control plane it stops, and one without a time to live does not', {
  timeout: timeoutMs,
}, async () => {
  const first = await startControlPlane(cleanup, { xds: `${ownLoopback()}:0` });
  await first.apply(documents((await startBackend(cleanup, 'a')).port));
  const [mortal, edge] = await Promise.all([
    startDataPlane(cleanup, first, 'mortal', 'm1'),
    startDataPlane(cleanup, first, 'edge', 'e1'),
  ]);
  await serves(() => mortal.port('public'), servedMs);
  await first.program.stop('SIGKILL');
  await stops(() => mortal.port('public'));
  await serves(() => edge.port('public'), 0);
  const { home, xds } = first;
  await startControlPlane(cleanup, { home, xds });
  await waitFor('the node to serve again', () => mortal.port('public').catch(no));
  await serves(() => mortal.port('public'), servedMs);
});

test
  .skipIf(!requirePeer('envoy'))
  .concurrent('Envoy obeys as our node does, in the incremental variant', { timeout: timeoutMs }, async () => {
    const controlPlane = await startControlPlane(cleanup);
    await controlPlane.apply(documents((await startBackend(cleanup, 'a')).port));
    const bootstrap = ['bootstrap', 'envoy', '--group', 'mortal', '--id', 'envoy', '--variant', 'delta'];
    const envoy = await startEnvoy({ bootstrap: (await run(bootstrap, controlPlane.env)).stdout });
    cleanup.add(() => envoy.stop());
    await serves(() => envoy.listenerPort('public'), servedMs);
    await controlPlane.program.stop('SIGKILL');
    await stops(() => envoy.listenerPort('public'));
    expect(await envoy.admin('/ready')).toContain('LIVE');
  });
