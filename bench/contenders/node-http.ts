import path from 'node:path';
import { type HttpContender, timeouts } from './contender.ts';

const program = path.join(import.meta.dirname, 'node-http-proxy.ts');

/** What one writes first in Node: a server and an agent of `node:http`. The baseline, not a peer. */
export const nodeHttp: HttpContender = {
  name: 'node:http',
  missing: () => undefined,
  start: async (site) => {
    const accessLog = path.join(site.folder, 'access.log');
    const child = site.processes.start({
      name: 'node-http',
      command: process.execPath,
      args: [program, String(site.port), String(site.backendPort), accessLog, String(timeouts.requestMs)],
      core: site.cores.proxy,
    });
    return {
      name: 'node:http',
      version: `node:http of Node ${process.versions.node}`,
      port: site.port,
      pid: child.pid ?? 0,
      accessLog,
      assertAlive: () => site.processes.assertAlive(child, { name: 'node-http' }),
      stop: () => site.processes.stop(child),
    };
  },
};
