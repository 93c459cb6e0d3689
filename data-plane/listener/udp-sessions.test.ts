import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { clusterOf } from '../testing.ts';
import { Peer, startAnswerer, startUdpListener } from './udp-testing.ts';

/** What this process may have at once. */
function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1]);
}

test('10,000 sessions come and go, twice: descriptors and memory are what they were; a flood beyond them changes nothing', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const most = Math.min(10_000, descriptorLimit() - 500);
  const endpoint = await startAnswerer('a');
  const proxy = await startUdpListener({ clusters: [clusterOf([endpoint.port])], maxConnections: most });
  const refused = (): number => proxy.stat('listener.udp.downstream_cx_overflow');
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  const askOnce = async (): Promise<void> => {
    const client = await new Peer().open();
    client.send('?', proxy.port);
    await client.got.first(1);
    client.close();
  };
  const round = async (): Promise<number> => {
    for (;;) {
      const left = most - proxy.server.connectionCount;
      if (left === 0) break;
      // a port that was used before is no new client
      await Promise.all(Array.from({ length: Math.min(left, 50) }, askOnce));
    }
    const flood = await new Peer().open('127.0.0.2');
    const before = refused();
    // no more at a time than the system holds for a socket
    for (let sent = 0; sent < 200; ) {
      for (let burst = 0; burst < 20; burst++, sent++) flood.send('one too many', proxy.port);
      while (refused() < before + sent) await turn();
    }
    flood.close();
    expect(proxy.server.connectionCount).toBe(most);
    expect(descriptors()).toBeGreaterThan(most);
    proxy.clock.advance(61_000);
    expect(proxy.server.connectionCount).toBe(0);
    endpoint.got.seen.length = 0;
    proxy.log.seen.length = 0;
    await turn();
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = descriptors();
  const first = await round();
  const second = await round();
  // fewer: what an earlier test has left in this process is closed by now
  expect(descriptors()).toBeLessThanOrEqual(before);
  expect(second - first).toBeLessThan(1_000_000);
  expect(proxy.faults).toEqual([]);
  proxy.stop();
  endpoint.close();
});
