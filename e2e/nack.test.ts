/** A document that slips past every check and that a node refuses: the fleet view names the node, the type and the field. */
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createLogger } from '../control-plane/logging.ts';
import { buildSnapshot } from '../control-plane/snapshot/build.ts';
import { SnapshotCache } from '../control-plane/snapshot/cache.ts';
import { copyEmptyStore, storesFolder } from '../control-plane/store/testing-empty.ts';
import { startControlPlane } from '../control-plane/wire.ts';
import { StatusClient } from '../control-plane/xds/testing/status-client.ts';
import { decode, encode } from '../proto/codec.ts';
import { pushOrder, type XdsType, xdsTypeOf } from '../proto/type-urls.ts';
import {
  adminToken,
  Cleanup,
  request,
  run,
  startBackend,
  startDataPlane,
  temporaryFolder,
  waitFor,
} from './support/fairlead.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

test('fairlead status shows the NACK with the field at fault; the node serves what it had; a cure clears it', async () => {
  const home = await temporaryFolder(cleanup, storesFolder);
  await copyEmptyStore(path.join(home, 'store'));
  const free = { host: '127.0.0.1', port: 0 };
  const cache = new SnapshotCache();
  const logger = createLogger({ readable: false });
  logger.level = 'silent';
  const controlPlane = await startControlPlane(
    { api: free, xds: free, xdsTls: undefined, home, databaseUrl: undefined, adminToken },
    { logger, cache },
  );
  cleanup.add(() => controlPlane.close());
  const send = async (method: string, url: string, type: string, body?: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${adminToken}`, 'content-type': type };
    const response = await fetch(controlPlane.api + url, { method, headers, ...(body === undefined ? {} : { body }) });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  const backend = await startBackend(cleanup, 'a');
  const documents = (timeout: string): string => `kind: NodeGroup
name: edge
spec: {}
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
---
kind: Cluster
name: a
spec: { endpoints: { address: 127.0.0.1, port: ${backend.port} } }
---
kind: Route
name: a
spec: { hosts: ["*"], to: { cluster: a }, timeout: ${timeout} }
`;
  await send('POST', '/v1/apply', 'application/yaml', documents('15s'));
  const nodeToken = async (group: string): Promise<string> =>
    (
      (await send('POST', '/v1/tokens', 'application/json', JSON.stringify({ role: `node:${group}` }))) as {
        token: string;
      }
    ).token;
  const node = await startDataPlane(cleanup, { xds: controlPlane.xds, nodeToken }, 'edge', 'n1');
  const port = await node.port('public');
  const env = { FAIRLEAD_API: controlPlane.api.replace('http://', ''), FAIRLEAD_TOKEN: adminToken };
  const status = async (state: RegExp): Promise<string> =>
    waitFor(`status to show ${state}`, async () => {
      const { stdout } = await run(['status', 'n1'], env);
      return state.test(stdout) ? stdout : undefined;
    });
  await status(/synced/);
  const [host = '', xdsPort] = controlPlane.xds.split(':');
  const administrator = new StatusClient({ host, port: Number(xdsPort) }, adminToken);
  cleanup.add(() => administrator.close());
  /** By xDS type, what an administrator is told of the node over CSDS. */
  const clientStatus = async (): Promise<Record<string, string[]>> => {
    const { config = [] } = await administrator.fetch({ node_matchers: [{ node_id: { exact: 'n1' } }] });
    const shown: Record<string, string[]> = {};
    for (const { type_url = '', config_status, client_status, error_state } of config[0]?.generic_xds_configs ?? []) {
      const field = /hash_policy/.exec(error_state?.details ?? '')?.[0];
      const line = [config_status, client_status, ...(field === undefined ? [] : [field])].join(' ');
      (shown[xdsTypeOf(type_url) ?? ''] ??= []).push(line);
    }
    return shown;
  };

  // past REST, schemas and reference check: straight into what the streams read
  const good = cache.get('edge')!;
  const bad = Object.fromEntries(
    pushOrder.map((type) => [
      type,
      [...good.types[type].resources.values()].map(({ name, value }) => ({ name, value })),
    ]),
  ) as Record<XdsType, { name: string; value: Uint8Array }[]>;
  const routes = decode('envoy.config.route.v3.RouteConfiguration', bad.routes[0]!.value);
  routes.virtual_hosts![0]!.routes![0]!.route!.hash_policy = [{ filter_state: { key: 'x' } }];
  bad.routes[0]!.value = encode('envoy.config.route.v3.RouteConfiguration', routes);
  cache.set(buildSnapshot('edge', good.revision + 1, bad, good));

  const refused = await status(/nack/i);
  expect(refused).toContain('virtual_hosts[0].routes[0].route.hash_policy');
  const view = (await send('GET', '/v1/nodes/n1', 'application/json')) as {
    types: Record<string, { state: string; error?: string }>;
  };
  expect(view.types['routes']).toMatchObject({ state: 'nack' });
  expect(view.types['routes']?.error).toContain('hash_policy');
  expect(view.types['clusters']).toMatchObject({ state: 'synced' });
  expect((await request(port, { path: '/' })).status).toBe(200);
  expect(await clientStatus()).toEqual({
    clusters: ['SYNCED ACKED'],
    endpoints: ['SYNCED ACKED'],
    listeners: ['SYNCED ACKED'],
    routes: ['ERROR NACKED hash_policy'],
    virtualHosts: ['SYNCED ACKED'],
  });

  await send('POST', '/v1/apply', 'application/yaml', documents('14s'));
  const cured = await status(/routes\s+synced/);
  expect(cured).not.toMatch(/nack/i);
});
