import { readdirSync, readFileSync } from 'node:fs';
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
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  const askOnce = async (): Promise<void> => {
    const client = await new Peer().open();
    client.send('?', proxy.port);
    await client.got.first(1);
    client.close();
  };
  const round = async (floods: number): Promise<number> => {
    while (proxy.server.connectionCount < most) await askOnce();
    const flood = await new Peer().open('127.0.0.2');
    for (let sent = 0; sent < 200; sent++) flood.send('one too many', proxy.port);
    while (proxy.stat('listener.udp.downstream_cx_overflow') < floods * 200) await new Promise(setImmediate);
    flood.close();
    expect(proxy.server.connectionCount).toBe(most);
    expect(descriptors()).toBeGreaterThan(most);
    proxy.clock.advance(61_000);
    expect(proxy.server.connectionCount).toBe(0);
    endpoint.got.seen.length = 0;
    proxy.log.seen.length = 0;
    await new Promise(setImmediate);
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = descriptors();
  const first = await round(1);
  const second = await round(2);
  expect(descriptors()).toBe(before);
  expect(second - first).toBeLessThan(1_000_000);
  expect(proxy.faults).toEqual([]);
  proxy.stop();
  endpoint.close();
});
