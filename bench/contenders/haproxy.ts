import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { missingPeer, requirePath } from '../harness/peer-path.ts';
import { type HttpContender, type Running, type Site, timeouts } from './contender.ts';

/**
 * HAProxy with one thread. It logs to syslog or standard output only, so that output goes to the file. One route is a
 * condition; of more, its manual advises a map, which it keeps as a tree.
 */
export const haproxyHttp = haproxy('haproxy', (site) => {
  writeFileSync(path.join(site.folder, routeMap), mapOf(site));
  return configuration(site);
});

export function haproxy(name: string, configurationOf: (site: Site) => string): HttpContender {
  return { name, missing: () => missingPeer('haproxy'), start: (site) => start(name, site, configurationOf(site)) };
}

async function start(name: string, site: Site, configuration: string): Promise<Running> {
  const config = path.join(site.folder, 'haproxy.cfg');
  const accessLog = path.join(site.folder, 'access.log');
  writeFileSync(config, configuration);
  const binary = requirePath('haproxy');
  const child = site.processes.start({
    name,
    command: binary,
    args: ['-db', '-f', config],
    core: site.cores.proxy,
    stdout: accessLog,
  });
  return {
    name,
    version: `HAProxy ${/version (\S+)/.exec(execFileSync(binary, ['-v'], { encoding: 'utf8' }))?.[1]}`,
    port: site.port,
    pid: child.pid ?? 0,
    accessLog,
    addsRequestId: true,
    assertAlive: () => site.processes.assertAlive(child, { name }),
    stop: () => site.processes.stop(child),
  };
}

const routeMap = 'routes.map';

function mapOf({ table }: Site): string {
  return table.routes.map(({ host, prefix }) => `${host}${prefix} shop\n`).join('');
}

function backendRule({ table, folder }: Site): string {
  const [first, second] = table.routes;
  if (first !== undefined && second === undefined) {
    return `use_backend shop if { hdr(host) -i ${first.host} } { path_beg ${first.prefix} }`;
  }
  return `use_backend %[base,map_beg(${path.join(folder, routeMap)})]`;
}

function configuration(site: Site): string {
  const http2 = site.protocol === 'http1' ? '' : ' proto h2';
  return `
global
  nbthread 1
  maxconn 4000
  log stdout format raw local0

defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect ${timeouts.connectMs}ms
  timeout client ${timeouts.idleMs}ms
  timeout server ${timeouts.requestMs}ms
  timeout http-request ${timeouts.requestHeadMs}ms
  timeout http-keep-alive ${timeouts.idleMs}ms

frontend public
  bind 127.0.0.1:${site.port}${http2}
  http-request set-header x-request-id %[uuid()]
  ${backendRule(site)}

backend shop
  server one 127.0.0.1:${site.backendPort}${http2}
`;
}
