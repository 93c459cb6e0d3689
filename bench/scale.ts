/** `scale`: what one changed route costs, by the number of routes that stand in other virtual hosts. */
import { startPostgres } from '../e2e/support/postgres.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { cpuMicrosOfTree } from './harness/proc.ts';
import { adminToken } from './harness/rest.ts';
import { median } from './harness/statistics.ts';
import { alignedRows } from './harness/table.ts';
import type { Sample } from './harness/turns.ts';
import { type ControlPlane, group, routesPerHost, startControlPlane } from './xds/control-plane.ts';
import { type Fleet, nowMillis, startFleet } from './xds/fleet.ts';
import { routeTypes } from './xds/types.ts';

const sizes = [100, 1_000, 10_000, 20_000] as const;
const subscribers = 4;
const warmUpChanges = 3;

const columns = [
  { key: 'rowsRead', title: 'rows read', digits: 1 },
  { key: 'resourcesEncoded', title: 'resources encoded', digits: 1 },
  { key: 'bytesEach', title: 'bytes to each subscriber', digits: 0 },
  { key: 'cpuMillis', title: 'CPU ms', digits: 1 },
  { key: 'lastAckMillis', title: 'to the last ACK, ms', digits: 1 },
] as const;

const stores = ['embedded', 'postgres'] as const;

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  const chosen = stores.filter((store) => options.only.length === 0 || options.only.includes(store));
  if (chosen.length === 0)
    throw new Error(`No store is called ${options.only.join(', ')}; there are ${stores.join(', ')}.`);
  const samples: Record<string, Sample> = {};
  const sections: string[] = [];
  for (const store of chosen) {
    const postgres = store === 'postgres' ? await startPostgres() : undefined;
    const bySize: Sample[] = [];
    try {
      for (const routes of sizes.filter((size) => size <= options.routes)) {
        const databaseUrl = await postgres?.createDatabase();
        const sample = await measure(bench, options, { name: `${store}-${routes}`, routes, databaseUrl });
        bench.progress(
          `${store}, ${routes} routes: ${columns.map(({ key, title }) => `${sample[key]?.toFixed(1)} ${title}`).join(', ')}`,
        );
        samples[`${store} ${routes}`] = sample;
        bySize.push(sample);
      }
    } finally {
      await postgres?.stop();
    }
    sections.push(`Store: ${store}\n\n${tableOf(bySize)}`);
  }
  return {
    title: `One route changed, ${subscribers} incremental subscribers, ${routesPerHost} routes a virtual host, means of ${options.changes} changes`,
    versions: [`Fairlead on Node ${process.versions.node}`],
    missing: [],
    failed: [],
    warnings: [],
    table: sections.join('\n\n'),
    samples,
  };
}

async function measure(
  bench: Workbench,
  options: BenchOptions,
  of: { readonly name: string; readonly routes: number; readonly databaseUrl: string | undefined },
): Promise<Sample> {
  const controlPlane = await startControlPlane(bench, of);
  const fleet = await startFleet(bench);
  const { target } = controlPlane;
  const joinOptions = {
    target,
    count: subscribers,
    streamsPerConnection: 1,
    ownConnections: 0,
    prefix: of.name,
    group,
    token: adminToken,
  };
  await fleet.join({ ...joinOptions, types: routeTypes });
  for (let i = 0; i < warmUpChanges; i++) await changeOnce(controlPlane, fleet);
  const read = async (): Promise<number[]> => [
    await controlPlane.metric('fairlead_store_rows_read_total'),
    await controlPlane.metric('fairlead_resources_encoded_total'),
    await controlPlane.metric('fairlead_xds_response_bytes_total'),
  ];
  const before = await read();
  const lasts: number[] = [];
  const cpuBefore = cpuMicrosOfTree(controlPlane.pid);
  for (let i = 0; i < options.changes; i++) lasts.push(await changeOnce(controlPlane, fleet));
  const cpuMicros = cpuMicrosOfTree(controlPlane.pid) - cpuBefore;
  const [rows = 0, encoded = 0, bytes = 0] = (await read()).map((value, index) => value - (before[index] ?? 0));
  await fleet.stop();
  await controlPlane.stop();
  return {
    routes: of.routes,
    rowsRead: rows / options.changes,
    resourcesEncoded: encoded / options.changes,
    bytesEach: bytes / options.changes / subscribers,
    cpuMillis: cpuMicros / 1e3 / options.changes,
    lastAckMillis: median(lasts),
  };
}

/** From the request to the acknowledgement of the last subscriber, milliseconds. */
async function changeOnce(controlPlane: ControlPlane, fleet: Fleet): Promise<number> {
  await fleet.arm();
  const startedMillis = nowMillis();
  const [{ atMillis }] = await Promise.all([fleet.arrived(), controlPlane.change()]);
  return Math.max(...atMillis) - startedMillis;
}

/** A row a size, and how the largest compares with the smallest. */
function tableOf(samples: readonly Sample[]): string {
  const [smallest, largest] = [samples[0], samples.at(-1)];
  const rows = samples.map((sample) => [
    `${sample['routes']} routes`,
    ...columns.map(({ key, digits }) => (sample[key] ?? 0).toFixed(digits)),
  ]);
  const growth = columns.map(({ key }) => `× ${((largest?.[key] ?? 0) / (smallest?.[key] ?? 0)).toFixed(2)}`);
  return alignedRows([['', ...columns.map(({ title }) => title)], ...rows, ['growth', ...growth]]);
}
