import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { missingPeer, requirePath } from '../harness/peer-path.ts';
import { type HttpContender, type Running, type Site, timeouts } from './contender.ts';
import { type BenchRoute, byHost } from './route-table.ts';

/**
 * nginx with one worker; its access log is written through a buffer, as its manual advises for speed. Its one way to
 * HTTP/2 upstream is the module for gRPC, which forwards any request, one at a time on each connection.
 */
export const nginxHttp: HttpContender = {
  name: 'nginx',
  missing: () => missingPeer('nginx'),
  start: (site) => startNginx(site, (accessLog) => nginxConfiguration(site.folder, proxyServer(site, accessLog))),
};

export async function startNginx(site: Site, configurationOf: (accessLog: string) => string): Promise<Running> {
  const accessLog = path.join(site.folder, 'access.log');
  const config = path.join(site.folder, 'nginx.conf');
  writeFileSync(config, configurationOf(accessLog));
  const child = site.processes.start({
    name: 'nginx',
    command: requirePath('nginx'),
    args: ['-p', site.folder, '-e', 'stderr', '-c', config],
    core: site.cores.proxy,
  });
  return {
    name: 'nginx',
    version: nginxVersion(),
    port: site.port,
    pid: child.pid ?? 0,
    accessLog,
    addsRequestId: true,
    assertAlive: () => site.processes.assertAlive(child, { name: 'nginx' }),
    stop: () => site.processes.stop(child),
  };
}

/** For example `nginx 1.22.1`. */
export function nginxVersion(): string {
  // it prints its version to standard error
  const { stderr } = spawnSync(requirePath('nginx'), ['-v'], { encoding: 'utf8' });
  return `nginx ${/nginx\/(\S+)/.exec(stderr)?.[1]}`;
}

/** A whole configuration with one worker around what stands inside `http`; it writes only into `folder`. */
export function nginxConfiguration(folder: string, http: string): string {
  return `${nginxProcess(folder)}
http {
  client_body_temp_path ${folder}/client;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout ${timeouts.idleMs}ms;
  ${http}
}
`;
}

/** What stands before `http` or `stream`. */
export function nginxProcess(folder: string, connections = 8192): string {
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections ${connections}; }`;
}

/** A format called json, of variables under their own names. */
export function jsonLogFormat(fields: readonly string[]): string {
  return `log_format json escape=json '{${fields.map((name) => `"${name}":"$${name}"`).join(',')}}';`;
}

function proxyServer(site: Site, accessLog: string): string {
  const module = site.protocol === 'http1' ? 'proxy' : 'grpc';
  const fields = ['time_iso8601', 'request_method', 'request_uri', 'host', 'status', 'bytes_sent', 'request_time'];
  const upstream = ['upstream_addr', 'upstream_response_time', 'request_id', 'remote_addr'];
  return `
  ${jsonLogFormat([...fields, ...upstream])}
  access_log ${accessLog} json buffer=64k flush=1s;
  upstream shop {
    server 127.0.0.1:${site.backendPort};
    keepalive 1024;
    keepalive_requests 1000000000;
    keepalive_timeout ${timeouts.upstreamIdleMs}ms;
  }
  ${site.protocol === 'http1' ? 'proxy_http_version 1.1; proxy_set_header Connection "";' : ''}
  ${module}_set_header Host $http_host;
  ${module}_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  ${module}_set_header X-Request-Id $request_id;
  ${module}_connect_timeout ${timeouts.connectMs}ms;
  ${module}_read_timeout ${timeouts.requestMs}ms;
  client_header_timeout ${timeouts.requestHeadMs}ms;
  server_names_hash_max_size 65536;
  ${[...byHost(site.table)].map(([host, routes], index) => server(site, host, routes, index === 0)).join('\n')}`;
}

function server({ port, protocol }: Site, host: string, routes: readonly BenchRoute[], first: boolean): string {
  const http2 = protocol === 'http1' ? '' : ' http2';
  const pass = protocol === 'http1' ? 'proxy_pass http://shop;' : 'grpc_pass grpc://shop;';
  return `
  server {
    listen 127.0.0.1:${port}${http2}${first ? ' backlog=4096' : ''};
    server_name ${host};
    ${routes.map(({ prefix }) => `location ${prefix} { ${pass} }`).join('\n')}
  }`;
}
