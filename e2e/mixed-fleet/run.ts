/**
 * One of our nodes and one Envoy in the same group: where each sends the same keys, before and after endpoints come and
 * go. What differs is asked again until both have what was applied, so a difference that stays is one of the hashes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import {
  type Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  run,
  startControlPlane,
  startDataPlane,
  waitFor,
} from '../support/fairlead.ts';
import { clusterDocuments, type Endpoint, groupDocuments, routeDocuments, variants } from './documents.ts';
import { startNamed, whereTo } from './keyed.ts';

const patienceMs = 20_000;
const pauseMs = 50;

export interface Fleet {
  readonly controlPlane: ControlPlaneProcess;
  readonly node: DataPlaneProcess;
  readonly envoy: RunningEnvoy;
  readonly ports: { readonly ours: number; readonly envoys: number };
  /** One after the other they come and go. */
  readonly stages: readonly Stage[];
}

export interface Stage {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

export interface Compared {
  readonly stage: string;
  readonly variant: string;
  /** Where both send each key. */
  readonly names: readonly string[];
  /** `key: ours, Envoy's` */
  readonly differences: readonly string[];
}

/** @param more documents beside those of the variants */
export async function startFleet(cleanup: Cleanup, more: (endpoints: readonly Endpoint[]) => string): Promise<Fleet> {
  const endpoints: Endpoint[] = [];
  for (let i = 0; i < 14; i++) {
    const name = `e${`${i}`.padStart(2, '0')}`;
    const zone = i % 3 === 0 ? 'b' : 'a';
    endpoints.push({ name, port: await startNamed(cleanup, name), weight: 1 + (i % 4), zone });
  }
  const stages: Stage[] = [
    { name: 'at first', endpoints: endpoints.slice(2) },
    { name: 'with two more', endpoints },
    {
      name: 'without three, one heavier',
      endpoints: endpoints.filter((_, i) => i % 5 !== 3).map((one, i) => (i === 1 ? { ...one, weight: 7 } : one)),
    },
  ];
  const controlPlane = await startControlPlane(cleanup);
  const first = stages[0]!.endpoints;
  await controlPlane.apply(groupDocuments() + clusterDocuments(first) + routeDocuments() + more(first));
  const node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours', ['--concurrency', '2'], {
    FAIRLEAD_SESSION_KEY: '5a'.repeat(32),
  });
  const printed = await run(
    ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds],
    controlPlane.env,
  );
  const envoy = await startEnvoy({ bootstrap: printed.stdout });
  cleanup.add(() => envoy.stop());
  const ports = { ours: await node.port('public'), envoys: await envoy.listenerPort('public') };
  return { controlPlane, node, envoy, ports, stages };
}

/** Applies a stage and compares, for each variant in turn. */
export async function compareStage(
  { controlPlane, envoy, ports }: Fleet,
  { name: stage, endpoints }: Stage,
  keys: readonly string[],
): Promise<Compared[]> {
  await controlPlane.apply(clusterDocuments(endpoints));
  const wanted = endpoints.map(({ port, weight }) => `${port} ${weight}`).sort();
  await waitFor(`Envoy's endpoints ${stage}`, async () =>
    (await envoysEndpoints(envoy)).every((have) => have === wanted.join()) ? true : undefined,
  );
  const compared: Compared[] = [];
  for (const { name: variant } of variants) {
    const names = await whereTo(ports.envoys, `/${variant}`, keys);
    const ours = await whereTo(ports.ours, `/${variant}`, keys);
    let open = keys.map((_, i) => i).filter((i) => ours[i] !== names[i]);
    const deadline = Date.now() + patienceMs;
    while (open.length > 0 && Date.now() < deadline) {
      await delay(pauseMs);
      const again = open.map((i) => keys[i]!);
      const [mine, envoys] = [
        await whereTo(ports.ours, `/${variant}`, again),
        await whereTo(ports.envoys, `/${variant}`, again),
      ];
      open.forEach((at, i) => {
        ours[at] = mine[i]!;
        names[at] = envoys[i]!;
      });
      open = open.filter((at) => ours[at] !== names[at]);
    }
    compared.push({
      ...{ stage, variant, names },
      differences: open.map((i) => `${keys[i]}: ${ours[i]}, ${names[i]}`),
    });
  }
  return compared;
}

interface ClusterStatuses {
  readonly cluster_statuses: readonly {
    readonly name: string;
    readonly host_statuses?: readonly {
      readonly address: { readonly socket_address: { readonly port_value: number } };
      readonly weight: number;
    }[];
  }[];
}

/** Of each variant, by port and weight. */
async function envoysEndpoints(envoy: RunningEnvoy): Promise<string[]> {
  const { cluster_statuses: clusters } = JSON.parse(await envoy.admin('/clusters?format=json')) as ClusterStatuses;
  return variants.map(({ name }) => {
    const hosts = clusters.find((one) => one.name === name)?.host_statuses ?? [];
    return hosts
      .map(({ address, weight }) => `${address.socket_address.port_value} ${weight}`)
      .sort()
      .join();
  });
}

/** @returns `count` of them, the same for the same seed */
export function drawKeys(seed: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `user-${seed}-${i}`);
}
