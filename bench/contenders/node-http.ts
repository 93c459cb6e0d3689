import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HttpContender, timeouts } from './contender.ts';
import { byHost, type RouteTable } from './route-table.ts';

const program = path.join(import.meta.dirname, 'node-http-proxy.ts');

/** What one writes first in Node: a server and an agent of `node:http`. The baseline, not a peer. */
export const nodeHttp: HttpContender = {
  name: 'node:http',
  missing: () => undefined,
  start: async (site) => {
    const accessLog = path.join(site.folder, 'access.log');
    const routes = path.join(site.folder, 'routes.json');
    writeFileSync(routes, JSON.stringify(prefixesByHost(site.table)));
    const child = site.processes.start({
      name: 'node-http',
      command: process.execPath,
      args: [program, String(site.port), String(site.backendPort), accessLog, String(timeouts.requestMs), routes],
      core: site.cores.proxy,
    });
    return {
      name: 'node:http',
      version: `node:http of Node ${process.versions.node}`,
      port: site.port,
      pid: child.pid ?? 0,
      accessLog,
      addsRequestId: true,
      assertAlive: () => site.processes.assertAlive(child, { name: 'node-http' }),
      stop: () => site.processes.stop(child),
    };
  },
};

/** What the program reads: of each host, the prefixes that are routed. */
function prefixesByHost(table: RouteTable): Record<string, string[]> {
  return Object.fromEntries([...byHost(table)].map(([host, routes]) => [host, routes.map((route) => route.prefix)]));
}
