/** The TCP proxies of `l4`: one worker, one endpoint, an access log in a file, the same timeouts. */
import { existsSync } from 'node:fs';
import { missingPeer } from '../harness/peer-path.ts';
import { type HttpContender, type Site, timeouts } from './contender.ts';
import { duration, envoy, fileAccessLog } from './envoy.ts';
import { fairlead, inSeconds } from './fairlead.ts';
import { haproxy } from './haproxy.ts';
import { nginxProcess, startNginx } from './nginx.ts';

export const fairleadTcp = (nodeOptions = ''): HttpContender =>
  fairlead(
    (site, accessLog) => [
      { kind: 'NodeGroup', name: 'bench', spec: { tier: 'l4' } },
      {
        kind: 'Listener',
        name: 'front',
        spec: {
          groups: ['bench'],
          address: '127.0.0.1',
          port: site.port,
          protocol: 'tcp',
          accessLog: { format: 'json', to: accessLog },
        },
      },
      {
        kind: 'L4Route',
        name: 'front',
        spec: { listener: 'front', to: [{ cluster: 'shop' }], idleTimeout: inSeconds(timeouts.idleMs) },
      },
      {
        kind: 'Cluster',
        name: 'shop',
        spec: {
          protocol: 'tcp',
          endpoints: [{ address: '127.0.0.1', port: site.backendPort }],
          connectTimeout: inSeconds(timeouts.connectMs),
        },
      },
    ],
    nodeOptions,
  );

/** Its defaults: buffers of 16 KiB. */
export const haproxyTcp = haproxy('haproxy', (site) => haproxyConfiguration(site, ''));

/** With buffers as large as ours are for bulk flows. */
export const haproxyTuned = haproxy('haproxy 256k', (site) => haproxyConfiguration(site, 'tune.bufsize 262144'));

function haproxyConfiguration({ port, backendPort }: Site, tuning: string): string {
  return `
global
  nbthread 1
  maxconn 4000
  log stdout format raw local0
  ${tuning}

defaults
  mode tcp
  log global
  option tcplog
  timeout connect ${timeouts.connectMs}ms
  timeout client ${timeouts.idleMs}ms
  timeout server ${timeouts.idleMs}ms

frontend front
  bind 127.0.0.1:${port} backlog 4096
  default_backend shop

backend shop
  server one 127.0.0.1:${backendPort}
`;
}

/** Where Debian's package libnginx-mod-stream puts it. */
const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

export function missingStream(): string | undefined {
  const missing = missingPeer('nginx');
  if (missing !== undefined || existsSync(streamModule)) return missing;
  return 'without its stream module; Debian has it in libnginx-mod-stream';
}

/** A configuration around what stands inside `stream`. */
export function nginxStream(folder: string, stream: string, connections?: number): string {
  return `load_module ${streamModule};
${nginxProcess(folder, connections)}
stream {
${stream}
}
`;
}

export const nginxTcp: HttpContender = {
  name: 'nginx',
  missing: missingStream,
  start: (site) =>
    startNginx(site, (accessLog) =>
      nginxStream(
        site.folder,
        `
  log_format json escape=json '{${logFields.map((name) => `"${name}":"$${name}"`).join(',')}}';
  access_log ${accessLog} json buffer=64k flush=1s;
  server {
    listen 127.0.0.1:${site.port} backlog=4096;
    proxy_pass 127.0.0.1:${site.backendPort};
    proxy_connect_timeout ${timeouts.connectMs}ms;
    proxy_timeout ${timeouts.idleMs}ms;
    proxy_half_close on;
  }`,
      ),
    ),
};

const logFields = [
  ...['time_iso8601', 'remote_addr', 'status', 'bytes_sent', 'bytes_received', 'session_time'],
  ...['upstream_addr', 'upstream_connect_time'],
];

export const envoyTcp = envoy((_site, accessLog) => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'front',
    cluster: 'shop',
    idle_timeout: duration(timeouts.idleMs),
    access_log: [{ name: 'envoy.access_loggers.file', typed_config: fileAccessLog(accessLog, tcpLog) }],
  },
}));

const tcpLog = {
  start_time: '%START_TIME%',
  flags: '%RESPONSE_FLAGS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  upstream_host: '%UPSTREAM_HOST%',
  peer: '%DOWNSTREAM_REMOTE_ADDRESS%',
};
