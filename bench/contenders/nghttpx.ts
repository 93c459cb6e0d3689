import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { missingPeer, requirePath } from '../harness/peer-path.ts';
import { type HttpContender, type Site, timeouts } from './contender.ts';

/** nghttpx with one worker. It has no counters, and makes no request ids unless a Ruby script does. */
export const nghttpx: HttpContender = {
  name: 'nghttpx',
  missing: () => missingPeer('nghttpx'),
  start: async (site) => {
    const accessLog = path.join(site.folder, 'access.log');
    const config = path.join(site.folder, 'nghttpx.conf');
    writeFileSync(config, configuration(site, accessLog));
    const binary = requirePath('nghttpx');
    const child = site.processes.start({
      name: 'nghttpx',
      command: binary,
      args: [`--conf=${config}`],
      core: site.cores.proxy,
    });
    const [, version] = /nghttp2\/(\S+)/.exec(execFileSync(binary, ['--version'], { encoding: 'utf8' })) ?? [];
    return {
      name: 'nghttpx',
      version: `nghttpx ${version} (adds no request id, counts nothing)`,
      port: site.port,
      pid: child.pid ?? 0,
      accessLog,
      addsRequestId: false,
      assertAlive: () => site.processes.assertAlive(child, { name: 'nghttpx' }),
      stop: () => site.processes.stop(child),
    };
  },
};

const seconds = (ms: number): string => `${ms / 1000}s`;

function configuration({ port, backendPort, table, protocol }: Site, accessLog: string): string {
  const upstream = protocol === 'http1' ? 'http/1.1' : 'h2';
  const backends = table.routes.map(
    ({ host, prefix }) => `backend=127.0.0.1,${backendPort};${host}${prefix};proto=${upstream}`,
  );
  // one for everything else has to be named; nothing listens there
  return `
frontend=127.0.0.1,${port};no-tls
${backends.join('\n')}
backend=127.0.0.1,1
workers=1
single-process=yes
backlog=4096
add-x-forwarded-for=yes
accesslog-file=${accessLog}
backend-connect-timeout=${seconds(timeouts.connectMs)}
backend-read-timeout=${seconds(timeouts.requestMs)}
backend-keep-alive-timeout=${seconds(timeouts.upstreamIdleMs)}
frontend-http2-read-timeout=${seconds(timeouts.idleMs)}
frontend-read-timeout=${seconds(timeouts.requestHeadMs)}
frontend-keep-alive-timeout=${seconds(timeouts.idleMs)}
`;
}
