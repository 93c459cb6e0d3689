import { expect, test } from 'vitest';
import { finishTable } from '../../../proto/hashing/hash-table.ts';
import { maglevSteps } from '../../../proto/hashing/maglev.ts';
import type { ClusterConfig, EndpointConfig, MaglevConfig } from '../../model/config.ts';
import { StatsRegistry } from '../../telemetry/registry.ts';
import { clusterStats } from '../../telemetry/stats.ts';
import { balanceOf, endpointOf, nowhere, stillWorld } from '../../testing.ts';
import { Cluster } from '../../upstream/cluster.ts';
import { slotsOf } from './slots.ts';
import { kernelCluster } from './testing.ts';

const world = { now: () => 0, soon: setImmediate, zone: '' };
const policyOf = (tableSize: number): MaglevConfig => ({
  ...{ type: 'maglev', tableSize, useHostname: false, boundedLoadPercent: 0 },
});

function clusterOfEndpoints(endpoints: readonly EndpointConfig[], tableSize: number) {
  const policy = policyOf(tableSize);
  const balance = { ...balanceOf(policy), policy };
  const config: ClusterConfig & { balance: { policy: MaglevConfig } } = {
    ...kernelCluster('c', []),
    balance,
    endpoints,
  };
  const cluster = new Cluster(config, clusterStats(new StatsRegistry(), 'c'), stillWorld);
  return { cluster, config, slots: async () => (await slotsOf(config, cluster.hosts, world)).map(({ key }) => key) };
}

const endpoint = (index: number, rest: Partial<EndpointConfig> = {}): EndpointConfig =>
  endpointOf(9000, { key: `10.0.0.${index}:9000`, address: `10.0.0.${index}`, ...rest });

test('slot n belongs to whom the Maglev table of user space has there, weights included', async () => {
  const endpoints = [1, 2, 3, 4].map((index) => endpoint(index, { weight: index }));
  const { slots } = clusterOfEndpoints(endpoints, 1_009);
  const table = finishTable(
    maglevSteps(
      { tableSize: 1_009 },
      endpoints.map(({ key, weight }) => ({ key, weight: weight / 10 })),
    ),
  );
  const expected = Array.from({ length: 1_009 }, (_, low) => endpoints[table.pick({ high: 0, low }, 0)]!.key);
  expect(await slots()).toEqual(expected);
});

test('whoever user space passes over has no slots, and the others keep theirs but for a few', async () => {
  const { cluster, slots } = clusterOfEndpoints(
    [1, 2, 3, 4].map((index) => endpoint(index)),
    1_009,
  );
  const before = await slots();
  cluster.setEjected('10.0.0.2:9000', true);
  const after = await slots();
  expect(after).not.toContain('10.0.0.2:9000');
  const moved = after.filter((key, slot) => key !== before[slot]).length;
  const own = before.filter((key) => key === '10.0.0.2:9000').length;
  expect(moved).toBeGreaterThanOrEqual(own);
  expect(moved).toBeLessThan(own * 1.5);
  cluster.setEjected('10.0.0.2:9000', false);
  expect(await slots()).toEqual(before);
});

test('drained and unhealthy endpoints have none either; all have some in panic, and nobody has any where there is nobody', async () => {
  const { slots } = clusterOfEndpoints(
    [endpoint(1), endpoint(2, { health: 'draining' }), endpoint(3, { health: 'unhealthy' }), endpoint(4)],
    101,
  );
  expect(new Set(await slots())).toEqual(new Set(['10.0.0.1:9000', '10.0.0.4:9000']));
  const panic = clusterOfEndpoints([endpoint(1, { health: 'unhealthy' }), endpoint(2, { health: 'unhealthy' })], 101);
  expect(new Set(await panic.slots()).size).toBe(2);
  expect(await clusterOfEndpoints([], 101).slots()).toEqual([]);
});

test('where a priority can take 70 of 100 only, the next one serves 30 of 100 slots', async () => {
  const next = { ...nowhere, priority: 1 };
  const { cluster, slots } = clusterOfEndpoints([endpoint(1), endpoint(2), endpoint(3, { locality: next })], 10_007);
  cluster.setEjected('10.0.0.2:9000', true);
  const all = await slots();
  expect(all.filter((key) => key === '10.0.0.3:9000').length / all.length).toBeCloseTo(0.3, 2);
});
