import { readFileSync } from 'node:fs';
import path from 'node:path';
import { freePorts } from '../../e2e/support/ports.ts';
import { waitFor200 } from '../harness/ask.ts';
import { adminToken, applyDocuments, callApi } from '../harness/rest.ts';
import { type HttpContender, type Running, type Site, timeouts } from './contender.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const cli = path.join(repository, 'control-plane/cli/fairlead.js');
const startTimeoutMs = 30_000;

/**
 * Our data plane as a user starts it: a control plane, documents over REST, a node with a token and one worker. Only the
 * node is measured; the control plane runs on the load's core and is idle by then.
 * @param nodeOptions NODE_OPTIONS of the data plane, for profiling
 */
export function fairleadHttp(nodeOptions = ''): HttpContender {
  return fairlead(httpDocuments, nodeOptions);
}

/** @param documents of a node group `bench` */
export function fairlead(documents: (site: Site, accessLog: string) => object[], nodeOptions = ''): HttpContender {
  return { name: 'fairlead', missing: () => undefined, start: (site) => start(site, documents, nodeOptions) };
}

/** Fields beyond those of all. */
interface L4Documents {
  readonly protocol: 'tcp' | 'udp';
  readonly listener: object;
  readonly route: object;
  readonly cluster: object;
}

/** A listener below HTTP, all of which goes to one cluster. */
export function fairleadL4({ protocol, listener, route, cluster }: L4Documents, nodeOptions: string): HttpContender {
  const documents = ({ port, backendPort }: Site, accessLog: string): object[] => {
    const place = { groups: ['bench'], address: '127.0.0.1', port, protocol };
    const spec = { ...place, accessLog: { format: 'json', to: accessLog }, ...listener };
    const endpoints = [{ address: '127.0.0.1', port: backendPort }];
    return [
      { kind: 'NodeGroup', name: 'bench', spec: { tier: 'l4' } },
      { kind: 'Listener', name: 'front', spec },
      { kind: 'L4Route', name: 'front', spec: { listener: 'front', to: [{ cluster: 'shop' }], ...route } },
      { kind: 'Cluster', name: 'shop', spec: { protocol, endpoints, ...cluster } },
    ];
  };
  return fairlead(documents, nodeOptions);
}

async function start(
  site: Site,
  documents: (site: Site, accessLog: string) => object[],
  nodeOptions: string,
): Promise<Running> {
  const [apiPort = 0, xdsPort = 0, adminPort = 0] = await freePorts(3);
  const accessLog = path.join(site.folder, 'access.log');
  const api = `http://127.0.0.1:${apiPort}`;
  const controlPlane = site.processes.start({
    name: 'control-plane',
    command: process.execPath,
    args: [cli, 'control-plane'],
    core: site.cores.load,
    env: {
      FAIRLEAD_HOME: path.join(site.folder, 'control-plane'),
      FAIRLEAD_ADMIN_TOKEN: adminToken,
      FAIRLEAD_API: `127.0.0.1:${apiPort}`,
      FAIRLEAD_XDS: `127.0.0.1:${xdsPort}`,
    },
  });
  await waitFor200(`${api}/readyz`, {
    timeoutMs: startTimeoutMs,
    assertAlive: () => site.processes.assertAlive(controlPlane, { name: 'control-plane' }),
  });
  await applyDocuments(api, documents(site, accessLog));
  const answer = await callApi(api, 'POST', '/v1/tokens', { role: 'node:bench', name: 'bench' });
  const { token } = JSON.parse(answer) as { token: string };
  const dataPlane = site.processes.start({
    name: 'data-plane',
    command: process.execPath,
    args: [
      ...[cli, 'data-plane', '--group', 'bench', '--id', 'bench-1', '--xds', `127.0.0.1:${xdsPort}`],
      ...['--concurrency', '1'],
    ],
    core: site.cores.proxy,
    env: {
      FAIRLEAD_HOME: path.join(site.folder, 'data-plane'),
      FAIRLEAD_TOKEN: token,
      FAIRLEAD_ADMIN: `127.0.0.1:${adminPort}`,
      NODE_OPTIONS: nodeOptions,
    },
  });
  const assertAlive = (): void => site.processes.assertAlive(dataPlane, { name: 'data-plane' });
  await waitFor200(`http://127.0.0.1:${adminPort}/ready`, { timeoutMs: startTimeoutMs, assertAlive });
  const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
  return {
    name: 'fairlead',
    version: `Fairlead ${version} on Node ${process.versions.node}`,
    port: site.port,
    pid: dataPlane.pid ?? 0,
    accessLog,
    addsRequestId: true,
    assertAlive,
    stop: async () => {
      await site.processes.stop(dataPlane);
      await site.processes.stop(controlPlane);
    },
  };
}

export const inSeconds = (ms: number): string => `${ms / 1000}s`;

function httpDocuments(site: Site, accessLog: string): object[] {
  return [
    { kind: 'NodeGroup', name: 'bench', spec: { tier: 'l7' } },
    {
      kind: 'Listener',
      name: 'public',
      spec: {
        groups: ['bench'],
        address: '127.0.0.1',
        port: site.port,
        protocol: 'http',
        accessLog: { format: 'json', to: accessLog },
        limits: { headersTimeout: inSeconds(timeouts.requestHeadMs), idleTimeout: inSeconds(timeouts.idleMs) },
      },
    },
    {
      kind: 'Cluster',
      name: 'shop',
      spec: {
        protocol: site.protocol,
        endpoints: [{ address: '127.0.0.1', port: site.backendPort }],
        connectTimeout: inSeconds(timeouts.connectMs),
        ...(site.protocol === 'http1' ? { keepAlive: { idle: inSeconds(timeouts.upstreamIdleMs) } } : {}),
      },
    },
    ...site.table.routes.map(({ host, prefix }, index) => ({
      kind: 'Route',
      name: `r${index}`,
      spec: {
        hosts: [host],
        match: { path: { prefix } },
        to: [{ cluster: 'shop' }],
        timeout: inSeconds(timeouts.requestMs),
      },
    })),
  ];
}
