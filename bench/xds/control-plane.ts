/** Our control plane as a process of its own, full of routes, with a way to change one of them. */

import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { freePorts } from '../../e2e/support/ports.ts';
import { waitFor200 } from '../harness/ask.ts';
import type { Workbench } from '../harness/bench.ts';
import { adminToken, applyDocuments, callApi } from '../harness/rest.ts';

const cli = path.resolve(import.meta.dirname, '../../control-plane/cli/fairlead.js');
const startTimeoutMs = 30_000;

export const group = 'bench';
export const routesPerHost = 100;

export interface ControlPlaneOptions {
  /** Of the process; also names its folder. */
  readonly name: string;
  readonly routes: number;
  /** Undefined: the embedded store. */
  readonly databaseUrl?: string | undefined;
}

/** An xDS server with its routes loaded. */
export interface XdsServer {
  /** HOST:PORT. */
  readonly target: string;
  /** Root of the process tree whose CPU time and memory are the server's own. */
  readonly pid: number;
  /** Changes one route, another way every time; resolves when the change is committed. */
  change(): Promise<void>;
  stop(): Promise<void>;
}

export interface ControlPlane extends XdsServer {
  /** Sum of a metric's series, from `/metrics`. */
  metric(name: string): Promise<number>;
}

/** Virtual hosts of 100 routes each on one listener, and one cluster behind them. */
export async function startControlPlane(bench: Workbench, options: ControlPlaneOptions): Promise<ControlPlane> {
  const { processes, cores, folder } = bench;
  const [apiPort = 0, xdsPort = 0] = await freePorts(2);
  const api = `http://127.0.0.1:${apiPort}`;
  const child: ChildProcess = processes.start({
    name: options.name,
    command: process.execPath,
    args: [cli, 'control-plane'],
    core: cores.proxy,
    env: {
      FAIRLEAD_HOME: path.join(folder, options.name),
      FAIRLEAD_ADMIN_TOKEN: adminToken,
      FAIRLEAD_API: `127.0.0.1:${apiPort}`,
      FAIRLEAD_XDS: `127.0.0.1:${xdsPort}`,
      DATABASE_URL: options.databaseUrl ?? '',
    },
  });
  await waitFor200(`${api}/readyz`, {
    timeoutMs: startTimeoutMs,
    assertAlive: () => processes.assertAlive(child, { name: options.name }),
  });
  const routes = Array.from({ length: options.routes }, (_, index) => route(index, 15));
  await applyDocuments(api, [...frame(), ...routes]);
  let changes = 0;
  return {
    target: `127.0.0.1:${xdsPort}`,
    pid: child.pid ?? 0,
    change: async () => {
      const { name, spec } = route(options.routes - 1, 16 + (changes++ % 40));
      await callApi(api, 'PUT', `/v1/routes/${name}`, { spec });
    },
    metric: async (name) => sumOf(await callApi(api, 'GET', '/metrics'), name),
    stop: () => processes.stop(child),
  };
}

function frame(): object[] {
  return [
    { kind: 'NodeGroup', name: group, spec: { tier: 'l7' } },
    {
      kind: 'Listener',
      name: 'public',
      spec: { groups: [group], address: '127.0.0.1', port: 8080, protocol: 'http' },
    },
    { kind: 'Cluster', name: 'shop', spec: { protocol: 'http1', endpoints: [{ address: '127.0.0.1', port: 9000 }] } },
  ];
}

function route(index: number, timeoutSeconds: number) {
  const host = `h${String(Math.floor(index / routesPerHost)).padStart(3, '0')}.example.com`;
  const number = String(index).padStart(5, '0');
  return {
    kind: 'Route',
    name: `r${number}`,
    spec: {
      hosts: [host],
      match: { path: { prefix: `/api/v1/r${number}` } },
      to: [{ cluster: 'shop' }],
      timeout: `${timeoutSeconds}s`,
    },
  };
}

/** Of all label sets in a text of Prometheus. Throws where there is none: a metric that is gone must not count as 0. */
export function sumOf(exposition: string, name: string): number {
  const values = exposition
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  if (values.length === 0) throw new Error(`The control plane's /metrics has no ${name}.`);
  return values.reduce((sum, value) => sum + value, 0);
}
