import { expect, test } from 'vitest';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { balanceOf, clusterOf, stillWorld } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { chooseHost } from './choose.ts';

function cluster(ports: readonly number[]): Cluster {
  const config = clusterOf(ports, {
    balance: balanceOf({ type: 'least-request', choices: 2, fullScan: false, activeRequestBias: null }),
  });
  // chance that always lands on the first two
  return new Cluster(config, clusterStats(new StatsRegistry(), 'c'), stillWorld);
}

test('each attempt goes to another endpoint until none is left', () => {
  const of = cluster([1, 2, 3]);
  const tried: Host[] = [];
  for (let host = chooseHost(of, tried, null); host !== null; host = chooseHost(of, tried, null)) tried.push(host);
  expect(new Set(tried).size).toBe(3);
});

test('another attempt does not go to an endpoint that is not well', () => {
  const of = cluster([1, 2, 3]);
  of.setChecked('127.0.0.1:2', 'failing');
  const tried = [of.hosts[0]!];
  expect(chooseHost(of, tried, null)?.port).toBe(3);
  expect(chooseHost(of, [...tried, of.hosts[2]!], null)).toBeNull();
});
