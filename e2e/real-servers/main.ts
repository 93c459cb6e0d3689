/**
 * `npm run real-servers [-- --megabytes N]`: real servers behind the L4 path, and every byte compared. It needs Debian's
 * packages redis-server, mosquitto, mosquitto-clients, mariadb-server, dnsmasq-base and PostgreSQL's client, which
 * `npm run peers -- real-servers` brings.
 */
import { parseArgs } from 'node:util';
import { Cleanup, startControlPlane, startDataPlane } from '../support/fairlead.ts';
import { requirePeer } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres } from '../support/postgres.ts';
import { checkDns } from './dns.ts';
import { checkIdle } from './idle.ts';
import { checkMariadb } from './mariadb.ts';
import { checkMqtt } from './mqtt.ts';
import { checkMutualTls, serviceHost, startService } from './mutual-tls.ts';
import { checkPostgres } from './postgres.ts';
import { checkRedis } from './redis.ts';
import { startDnsmasq, startMariadb, startMosquitto, startRedis } from './servers.ts';

const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '1000' } } });
const idleMs = 2_000;

function tcpDocuments(name: string, port: number, idleTimeout = '1h'): string {
  return `---
kind: Listener
name: ${name}
spec: { groups: [front], address: 127.0.0.1, port: 0, protocol: tcp }
---
kind: L4Route
name: ${name}
spec: { listener: ${name}, to: [{ cluster: ${name} }], idleTimeout: ${idleTimeout} }
---
kind: Cluster
name: ${name}
spec: { protocol: tcp, endpoints: [{ address: 127.0.0.1, port: ${port} }] }
`;
}

/** Both protocols on one port, as resolvers expect it. */
function dnsDocuments(port: number, server: number): string {
  return ['udp', 'tcp']
    .map(
      (protocol) => `---
kind: Listener
name: dns-${protocol}
spec: { groups: [front], address: 127.0.0.1, port: ${port}, protocol: ${protocol} }
---
kind: L4Route
name: dns-${protocol}
spec: { listener: dns-${protocol}, to: [{ cluster: dns-${protocol} }] }
---
kind: Cluster
name: dns-${protocol}
spec: { protocol: ${protocol}, endpoints: [{ address: 127.0.0.1, port: ${server} }] }
`,
    )
    .join('');
}

function passthroughDocuments(server: number): string {
  return `---
kind: Listener
name: vault
spec: { groups: [front], address: 127.0.0.1, port: 0, protocol: tls-passthrough }
---
kind: L4Route
name: vault
spec: { listener: vault, serverNames: ['*.db.example.com'], to: [{ cluster: vault }] }
---
kind: Cluster
name: vault
spec: { protocol: tcp, endpoints: [{ address: 127.0.0.1, port: ${server} }] }
`;
}

async function main(cleanup: Cleanup): Promise<void> {
  const postgres = await startPostgres();
  cleanup.add(() => postgres.stop());
  const [service, dnsPort] = [await startService(cleanup), await freePort()];
  const [redis, mqtt, mariadb, dns] = await Promise.all([
    startRedis(cleanup),
    startMosquitto(cleanup),
    startMariadb(cleanup),
    startDnsmasq(cleanup),
  ]);
  const controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(
    `kind: NodeGroup\nname: front\nspec: { tier: l4 }\n${tcpDocuments('postgres', postgres.port)}${tcpDocuments('redis', redis.port)}${tcpDocuments('idle', redis.port, `${idleMs}ms`)}${tcpDocuments('mqtt', mqtt.port)}${tcpDocuments('mariadb', mariadb.port)}${dnsDocuments(dnsPort, dns.port)}${passthroughDocuments(service)}`,
  );
  const node = await startDataPlane(cleanup, controlPlane, 'front', 'front-1');
  const checks: readonly (readonly [string, () => Promise<string>])[] = [
    ['redis', async () => checkRedis(redis.port, await node.port('redis'))],
    ['mqtt', async () => checkMqtt(mqtt, await node.port('mqtt'))],
    ['mariadb', async () => checkMariadb(mariadb.port, await node.port('mariadb'))],
    ['idle', async () => checkIdle(await node.port('idle'), idleMs)],
    ['dns', () => checkDns(dns.port, dnsPort)],
    [`tls to ${serviceHost}`, async () => checkMutualTls(await node.port('vault'))],
    ['postgres', async () => checkPostgres(postgres.port, await node.port('postgres'), Number(values.megabytes) * 1e6)],
  ];
  for (const [name, check] of checks) {
    try {
      console.log(`${name}: ${await check()}`);
    } catch (error) {
      console.error(`${name}: FAILED: ${error instanceof Error ? error.stack : error}`);
      process.exitCode = 1;
    }
  }
}

for (const peer of ['redis-server', 'mosquitto', 'mosquitto_pub', 'mariadbd', 'dnsmasq', 'psql'] as const) {
  if (requirePeer(peer) === undefined) process.exit(1);
}
const cleanup = new Cleanup();
try {
  await main(cleanup);
} finally {
  await cleanup.run();
}
