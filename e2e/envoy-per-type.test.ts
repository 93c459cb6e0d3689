/** A real Envoy asks for each type at its own service, in both variants. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  type Backend,
  Cleanup,
  type ControlPlaneProcess,
  request,
  run,
  startBackend,
  startControlPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const filters = 'type.googleapis.com/envoy.extensions.filters';
const anyPort = { socket_address: { address: '127.0.0.1', port_value: 0 } };

/** A listener of Envoy's own whose routes come by RDS, under the name that they have in the group. */
function listenerByRds(source: object): object {
  const manager = {
    '@type': `${filters}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'by_rds',
    rds: { route_config_name: 'public', config_source: source },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${filters}.http.router.v3.Router` } },
    ],
  };
  return { name: 'by-rds', address: anyPort, filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] };
}

const listenerToEds = {
  name: 'by-eds',
  address: anyPort,
  filter_chains: [
    {
      filters: [
        {
          name: 'tcp',
          typed_config: {
            '@type': `${filters}.network.tcp_proxy.v3.TcpProxy`,
            stat_prefix: 'by_eds',
            cluster: 'by-eds',
          },
        },
      ],
    },
  ],
};

/** A cluster of Envoy's own with the endpoints of the group's cluster `a`. */
function clusterByEds(source: object): object {
  return {
    name: 'by-eds',
    type: 'EDS',
    connect_timeout: '5s',
    eds_cluster_config: { service_name: 'a', eds_config: source },
  };
}

interface Bootstrap {
  readonly dynamic_resources: { readonly ads_config: { readonly api_type: string } };
  readonly static_resources: { readonly clusters: readonly object[] };
}

/**
 * The bootstrap that we print, with each type's own service in place of ADS. What listeners and clusters of the group name
 * is still to be had at ADS, as they say.
 */
function perType(printed: string): Record<string, unknown> {
  const bootstrap = parse(printed) as Bootstrap;
  const { ads_config } = bootstrap.dynamic_resources;
  const source = { resource_api_version: 'V3', api_config_source: ads_config };
  return {
    ...bootstrap,
    dynamic_resources: { ads_config, lds_config: source, cds_config: source },
    static_resources: {
      listeners: [listenerByRds(source), listenerToEds],
      clusters: [...bootstrap.static_resources.clusters, clusterByEds(source)],
    },
  };
}

describe.skipIf(!here)('Envoy by services of one type', () => {
  let controlPlane: ControlPlaneProcess;
  const backends = new Map<string, Backend>();

  const cluster = (name: string, backend: string): string =>
    `{ kind: Cluster, name: ${name}, spec: { endpoints: { address: 127.0.0.1, port: ${backends.get(backend)?.port} } } }
---
`;
  const route = (to: string): string =>
    `{ kind: Route, name: shop, spec: { hosts: [shop.example.com], to: { cluster: ${to} } } }
---
`;
  /** Keeps cluster `a` in the group. */
  const beside = '{ kind: Route, name: beside, spec: { hosts: [beside.example.com], to: { cluster: a } } }\n---\n';
  const kept = '{ kind: NodeGroup, name: edge }\n---\n';
  const listener = '{ kind: Listener, name: public, spec: { groups: [edge], address: 127.0.0.1, port: 0 } }\n---\n';

  beforeAll(async () => {
    for (const name of ['a', 'b', 'c']) backends.set(name, await startBackend(cleanup, name));
    controlPlane = await startControlPlane(cleanup);
  });

  async function answerOf(envoy: RunningEnvoy, name: string): Promise<string> {
    const { status, body } = await request(await envoy.listenerPort(name), { host: 'shop.example.com' });
    return status === 200 ? JSON.parse(body).backend : String(status);
  }

  async function expectAnswers(envoy: RunningEnvoy, wanted: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, answer] of Object.entries(wanted)) {
      await waitFor(`${answer} from listener ${name}`, async () =>
        (await answerOf(envoy, name).catch(() => '')) === answer ? true : undefined,
      );
    }
  }

  test.each([
    ['sotw', 'GRPC'],
    ['delta', 'DELTA_GRPC'],
  ])(
    '9. 40. 41. 55. %s: serves what the documents name, follows, obeys a removal, refuses nothing',
    async (variant, api) => {
      await controlPlane.apply(kept + listener + cluster('a', 'a') + cluster('b', 'b') + beside + route('a'));
      const id = `per-type-${variant}`;
      const printed = await run(
        ['bootstrap', 'envoy', '--group', 'edge', '--id', id, '--variant', variant, '--xds', controlPlane.xds],
        controlPlane.env,
      );
      const bootstrap = perType(printed.stdout);
      expect(JSON.stringify(bootstrap)).toContain(`"api_type":"${api}"`);
      const envoy = await startEnvoy({ bootstrap });
      cleanup.add(() => envoy.stop());
      await expectAnswers(envoy, { public: 'a', 'by-rds': 'a', 'by-eds': 'a' });
      await expectUpdates(envoy);

      // routes and endpoints
      await controlPlane.apply(route('b') + cluster('a', 'c'));
      await expectAnswers(envoy, { public: 'b', 'by-rds': 'b', 'by-eds': 'c' });
      // a new cluster, and the end of an old one
      await controlPlane.apply(`${kept}${listener}${cluster('a', 'b')}${cluster('d', 'c')}${beside}${route('d')}`);
      await expectAnswers(envoy, { public: 'c', 'by-rds': 'c', 'by-eds': 'b' });
      await controlPlane.rest('POST', '/v1/apply?prune=true', kept);
      await waitFor('the listener to be gone', async () =>
        (await envoy.listenerPort('public').catch(() => 0)) === 0 ? true : undefined,
      );
      await waitFor('the clusters to be gone', async () =>
        /^[abd]::/m.test(await envoy.admin('/clusters')) ? undefined : true,
      );

      await controlPlane.apply(kept + listener + cluster('a', 'a') + cluster('b', 'b') + beside + route('a'));
      await expectAnswers(envoy, { public: 'a', 'by-rds': 'a', 'by-eds': 'a' });
      const rejections = await envoy.admin('/stats?filter=update_rejected');
      for (const line of rejections.trim().split('\n')) expect(line).toMatch(/: 0$/);
      await waitFor('all four types to be synced', async () => {
        const { types } = await controlPlane.rest<{ types: Record<string, { state: string }> }>(
          'GET',
          `/v1/nodes/${id}`,
        );
        const states = ['listeners', 'routes', 'clusters', 'endpoints'].map((type) => types[type]?.state);
        return states.every((state) => state === 'synced') ? true : undefined;
      });
      await envoy.stop();
    },
  );

  /** Each of the four services has been heard by Envoy. */
  async function expectUpdates(envoy: RunningEnvoy): Promise<void> {
    for (const stat of [
      'listener_manager.lds.update_success',
      'cluster_manager.cds.update_success',
      'http.by_rds.rds.public.update_success',
      'cluster.by-eds.update_success',
    ]) {
      const line = (await envoy.admin(`/stats?filter=${stat}`)).trim();
      expect(Number(line.split(': ').at(-1)), line).toBeGreaterThan(0);
    }
  }
});
