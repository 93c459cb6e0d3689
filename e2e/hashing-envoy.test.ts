/** Rings, Maglev tables and bounded loads beside a real Envoy's: key by key the same endpoint, first and on a retry. */
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HashingConfig } from '../data-plane/balance/hashed-hosts.ts';
import { Pool } from '../data-plane/balance/pool.ts';
import { TableBuilder } from '../data-plane/balance/table-builder.ts';
import { pickStats, TestEndpoint, TestTurns } from '../data-plane/balance/testing.ts';
import type { EndpointConfig, LocalityConfig } from '../data-plane/model/config.ts';
import { balanceOf, endpointOf, nowhere, stillWorld } from '../data-plane/testing.ts';
import type { Hash64 } from '../proto/hashing/hash64.ts';
import { xxHashOf } from '../proto/hashing/testing.ts';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import { requirePeer } from './support/peers.ts';

interface Case {
  readonly name: string;
  readonly config: HashingConfig;
  readonly endpoints: readonly EndpointConfig[];
  readonly weighted?: boolean;
}

const own = { region: 'r2', zone: 'z2', subZone: '' };
const at = (region: string, zone: string, weight: number): LocalityConfig => ({ ...nowhere, region, zone, weight });
/** Told in an order that is not that of their names, the proxy's own in the middle. */
const places = [at('r3', 'z1', 3), at('r1', 'z9', 2), at('r2', 'z2', 5), at('r1', 'z1', 1), at('r0', 'z0', 0)];

const second = new Map(places.map((place) => [place, { ...place, priority: 1 }]));

const any = { useHostname: false, boundedLoadPercent: 0 };
const ring: HashingConfig = { type: 'ring-hash', function: 'xx-hash', minSize: 1_024, maxSize: 8_388_608, ...any };
const few: HashingConfig = { ...ring, minSize: 37, maxSize: 37 };
const murmur: HashingConfig = { ...ring, function: 'murmur-hash-2' };
const maglev: HashingConfig = { type: 'maglev', tableSize: 65_537, ...any };

/** Ports that nobody listens at: an answer that nothing could be reached names who was chosen, too. */
const equal = Array.from({ length: 13 }, (_, index) => endpointOf(20 + index));
const weighted = equal.map((endpoint, index) => ({ ...endpoint, weight: 1 + ((7 * index) % 5) }));
const placed = weighted
  .map((endpoint, index) => ({ ...endpoint, locality: places[index % places.length]! }))
  .sort((a, b) => places.indexOf(a.locality) - places.indexOf(b.locality));
/** Nobody of the second place is well. */
const partly = placed.map((one) => (one.locality === places[1] ? { ...one, health: 'unhealthy' as const } : one));
/** Half of the first priority is not well, so that three tenths spill over. */
const spilling = placed.map((one, index) => {
  const locality = index < 6 ? one.locality : second.get(one.locality)!;
  return { ...one, locality, health: index % 2 === 0 && index < 6 ? ('unhealthy' as const) : one.health };
});
/** In both priorities too few are well. */
const panicking = spilling.map((one, index) => (index % 4 === 0 ? one : { ...one, health: 'unhealthy' as const }));
const named = weighted.map((endpoint, index) => ({ ...endpoint, hostname: `orders-${index}.internal` }));
const pinned = named.map((endpoint, index) => (index % 2 === 0 ? endpoint : { ...endpoint, hashKey: `key-${index}` }));

const cases: readonly Case[] = [
  { name: 'ring', config: ring, endpoints: equal },
  { name: 'weighted ring', config: ring, endpoints: weighted },
  { name: 'ring by localities', config: ring, endpoints: placed, weighted: true },
  { name: 'ring of few', config: few, endpoints: weighted },
  // few entries, so that it shows in which order they were rounded
  { name: 'ring of few by localities', config: few, endpoints: placed, weighted: true },
  { name: 'ring without a locality', config: ring, endpoints: partly, weighted: true },
  { name: 'maglev without a locality', config: maglev, endpoints: partly, weighted: true },
  { name: 'ring that spills over', config: ring, endpoints: spilling },
  { name: 'maglev by localities that spills over', config: maglev, endpoints: spilling, weighted: true },
  { name: 'ring in panic', config: ring, endpoints: panicking },
  { name: 'ring by localities in panic', config: ring, endpoints: panicking, weighted: true },
  { name: 'ring by names', config: { ...ring, useHostname: true }, endpoints: named },
  { name: 'ring by keys', config: ring, endpoints: pinned },
  { name: 'murmur ring', config: murmur, endpoints: weighted },
  { name: 'murmur ring by localities', config: murmur, endpoints: placed, weighted: true },
  { name: 'maglev', config: maglev, endpoints: equal },
  { name: 'weighted maglev', config: maglev, endpoints: weighted },
  { name: 'maglev by localities', config: { ...maglev, tableSize: 1_009 }, endpoints: placed, weighted: true },
  { name: 'maglev by names and keys', config: { ...maglev, useHostname: true }, endpoints: pinned },
  { name: 'maglev of one', config: maglev, endpoints: equal.slice(0, 1) },
];

function poolOf({ config, endpoints, weighted = false }: Case, totalActive = () => 0): Pool<TestEndpoint> {
  const turns = new TestTurns();
  const world = { ...stillWorld, zone: own.zone, tables: new TableBuilder(turns) };
  const members = endpoints.map((endpoint) => {
    const member = new TestEndpoint(endpoint.key, endpoint);
    member.is = endpoint.health === 'healthy' ? 'healthy' : 'out';
    return member;
  });
  const balance = balanceOf(config, { localities: { type: weighted ? 'weighted' : 'none' } });
  const rules = { balance, overprovisioningPercent: 140, weightedPriorityHealth: false };
  const pool = new Pool<TestEndpoint>(rules, members, { world, stats: pickStats(), totalActive });
  pool.settle();
  turns.nextAll();
  return pool;
}

/** As a retry is sent that must not go where the first try went. */
function pickOther(pool: Pool<TestEndpoint>, hash: Hash64): TestEndpoint | null {
  return pool.pick(hash, [pool.pick(hash, [], 0)!], retry.host_selection_retry_max_attempts);
}

const typed = (name: string, fields: object) => ({
  '@type': `type.googleapis.com/envoy.extensions.${name}`,
  ...fields,
});

function envoyEndpoint({ address, port, weight, hostname, hashKey, health }: EndpointConfig): object {
  return {
    ...(health === 'unhealthy' && { health_status: 'UNHEALTHY' }),
    load_balancing_weight: weight,
    endpoint: { address: { socket_address: { address, port_value: port } }, hostname },
    ...(hashKey !== '' && { metadata: { filter_metadata: { 'envoy.lb': { hash_key: hashKey } } } }),
  };
}

function envoyCluster({ name, config, endpoints, weighted }: Case): object {
  const { useHostname, boundedLoadPercent } = config;
  const localities = [...new Set(endpoints.map(({ locality }) => locality))];
  const consistent_hashing_lb_config = {
    use_hostname_for_hashing: useHostname,
    ...(boundedLoadPercent > 0 && { hash_balance_factor: boundedLoadPercent }),
  };
  const by = weighted && { locality_weighted_lb_config: {} };
  const policy =
    config.type === 'maglev'
      ? typed('load_balancing_policies.maglev.v3.Maglev', {
          table_size: config.tableSize,
          consistent_hashing_lb_config,
          ...by,
        })
      : typed('load_balancing_policies.ring_hash.v3.RingHash', {
          minimum_ring_size: config.minSize,
          maximum_ring_size: config.maxSize,
          hash_function: config.function === 'xx-hash' ? 'XX_HASH' : 'MURMUR_HASH_2',
          consistent_hashing_lb_config,
          ...by,
        });
  return {
    name,
    type: 'STATIC',
    load_balancing_policy: { policies: [{ typed_extension_config: { name: 'policy', typed_config: policy } }] },
    load_assignment: {
      cluster_name: name,
      endpoints: localities.map((locality) => ({
        locality: { region: locality.region, zone: locality.zone },
        priority: locality.priority,
        ...(weighted && locality.weight > 0 && { load_balancing_weight: locality.weight }),
        lb_endpoints: endpoints.filter((endpoint) => endpoint.locality === locality).map(envoyEndpoint),
      })),
    },
  };
}

const route = (match: object, more: object) => ({
  match: { prefix: '/', ...match },
  route: { cluster_header: 'x-cluster', hash_policy: [{ header: { header_name: 'x-key' } }], ...more },
});
const previousHosts = {
  name: 'previous',
  typed_config: typed('retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
};
const retry = {
  retry_on: 'connect-failure',
  num_retries: 1,
  retry_back_off: { base_interval: '0.001s' },
  retry_host_predicate: [previousHosts],
  host_selection_retry_max_attempts: 5,
};

function bootstrap(all: readonly Case[]): Readonly<Record<string, unknown>> {
  const manager = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'in',
    http_filters: [{ name: 'router', typed_config: typed('filters.http.router.v3.Router', {}) }],
    local_reply_config: { body_format: { text_format_source: { inline_string: '%UPSTREAM_HOST%' } } },
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            route({ headers: [{ name: 'x-again', present_match: true }] }, { retry_policy: retry }),
            route({}, { timeout: '0s' }),
          ],
        },
      ],
    },
  });
  return {
    node: { id: 'n', cluster: 'c', locality: { region: own.region, zone: own.zone } },
    static_resources: {
      listeners: [
        {
          name: 'in',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
        },
      ],
      clusters: all.map(envoyCluster),
    },
  };
}

interface Asked {
  readonly cluster: string;
  readonly key: string;
  readonly again?: boolean;
}

const requestOf = ({ cluster, key, again }: Asked): string =>
  `GET / HTTP/1.1\r\nhost: a\r\nx-cluster: ${cluster}\r\nx-key: ${key}\r\n${again ? 'x-again: 1\r\n' : ''}\r\n`;

/** The bodies of the answers, which are short and in order, to requests on one connection. */
async function askAll(port: number, asked: readonly Asked[]): Promise<string[]> {
  const socket = net.connect(port, '127.0.0.1');
  const bodies: string[] = [];
  let text = '';
  let sent = 0;
  const next = (): void => void socket.write(requestOf(asked[sent++]!));
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    const head = text.indexOf('\r\n\r\n');
    const length = Number(/content-length: (\d+)/.exec(text)?.[1] ?? Number.NaN);
    if (head < 0 || text.length < head + 4 + length) return;
    bodies.push(text.slice(head + 4));
    text = '';
    if (sent < asked.length) next();
    else socket.end();
  });
  next();
  await once(socket, 'close');
  return bodies;
}

const keys = Array.from({ length: 400 }, (_, index) => `key-${index}`);

describe.skipIf(requirePeer('envoy') === undefined)('beside Envoy', () => {
  /** Takes requests and never answers; each one's endpoint, in the order of their arrival. */
  const arrivals: string[] = [];
  const silent: net.Server[] = [];
  const sockets: net.Socket[] = [];
  let onArrival = (): void => {};
  let bounded: Case;
  let envoy: RunningEnvoy;
  let port: number;

  beforeAll(async () => {
    for (let index = 0; index < 6; index++) {
      const server = net.createServer((socket) => {
        sockets.push(socket);
        socket
          .on('error', () => socket.destroy())
          .once('data', () => {
            arrivals.push(`127.0.0.1:${(server.address() as net.AddressInfo).port}`);
            onArrival();
          });
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      silent.push(server);
    }
    const endpoints = silent.map((server, index) => {
      return endpointOf((server.address() as net.AddressInfo).port, { weight: 1 + (index % 3) });
    });
    bounded = { name: 'bounded', config: { ...ring, boundedLoadPercent: 125 }, endpoints };
    envoy = await startEnvoy({ bootstrap: bootstrap([...cases, bounded]), logLevel: 'error' });
    port = await envoy.listenerPort('in');
  });

  afterAll(async () => {
    // before Envoy ends, which would be an error of those that wait for its answer
    for (const socket of sockets) socket.destroy();
    await envoy?.stop();
    for (const server of silent) server.close();
  });

  test.concurrent.each(cases)('$name: every key goes to the endpoint that Envoy sends it to', async (one) => {
    const pool = poolOf(one);
    const theirs = await askAll(
      port,
      keys.map((key) => ({ cluster: one.name, key })),
    );
    expect(keys.map((key) => pool.pick(xxHashOf(key), [], 0)?.name)).toEqual(theirs);
    const again = await askAll(
      port,
      keys.slice(0, 100).map((key) => ({ cluster: one.name, key, again: true })),
    );
    expect(keys.slice(0, 100).map((key) => pickOther(pool, xxHashOf(key))?.name)).toEqual(again);
  });

  test('bounded: a hot key spills to the endpoints that Envoy lets it spill to, one after the other', async () => {
    let total = 0;
    const pool = poolOf(bounded, () => total);
    const ours: string[] = [];
    for (let request = 0; request < 60; request++) {
      const key = `key-${request % 2}`;
      const arrived = new Promise<void>((resolve) => (onArrival = resolve));
      const socket = net.connect(port, '127.0.0.1', () => socket.write(requestOf({ cluster: 'bounded', key })));
      sockets.push(socket);
      await arrived;
      const host = pool.pick(xxHashOf(key), [], 0)!;
      host.active++;
      total++;
      ours.push(host.name);
    }
    // more than the two keys' own
    expect(new Set(ours).size).toBeGreaterThan(2);
    expect(ours).toEqual(arrivals);
  });
});
