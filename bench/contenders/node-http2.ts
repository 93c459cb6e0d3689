import path from 'node:path';
import { type HttpContender, timeouts } from './contender.ts';

const program = path.join(import.meta.dirname, 'node-http2-proxy.ts');

/** What one writes first in Node: a server and a session of `node:http2`. The baseline, not a peer. */
export const nodeHttp2: HttpContender = {
  name: 'node:http2',
  missing: () => undefined,
  start: async (site) => {
    const accessLog = path.join(site.folder, 'access.log');
    const { host = '', prefix = '' } = site.table.routes[0] ?? {};
    const child = site.processes.start({
      name: 'node-http2',
      command: process.execPath,
      args: [
        ...[program, String(site.port), String(site.backendPort), accessLog],
        ...[String(timeouts.requestMs), host, prefix],
      ],
      core: site.cores.proxy,
    });
    return {
      name: 'node:http2',
      version: `node:http2 of Node ${process.versions.node}`,
      port: site.port,
      pid: child.pid ?? 0,
      accessLog,
      addsRequestId: true,
      assertAlive: () => site.processes.assertAlive(child, { name: 'node-http2' }),
      stop: () => site.processes.stop(child),
    };
  },
};
