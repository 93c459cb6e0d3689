/** The TCP proxies of `l4`: one worker, one endpoint, an access log in a file, the same timeouts. */
import { type HttpContender, type Site, timeouts } from './contender.ts';
import { duration, envoy, fileAccessLog, sessionLog } from './envoy.ts';
import { fairleadL4, inSeconds } from './fairlead.ts';
import { haproxy } from './haproxy.ts';
import { nginxL4 } from './nginx-stream.ts';

export const fairleadTcp = (nodeOptions = ''): HttpContender =>
  fairleadL4(
    {
      protocol: 'tcp',
      listener: {},
      route: { idleTimeout: inSeconds(timeouts.idleMs) },
      cluster: { connectTimeout: inSeconds(timeouts.connectMs) },
    },
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

export const nginxTcp = nginxL4({
  listen: 'backlog=4096',
  settings: `
    proxy_connect_timeout ${timeouts.connectMs}ms;
    proxy_timeout ${timeouts.idleMs}ms;
    proxy_half_close on;`,
  logs: ['upstream_connect_time'],
});

export const envoyTcp = envoy((_site, accessLog) => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'front',
    cluster: 'shop',
    idle_timeout: duration(timeouts.idleMs),
    access_log: [
      {
        name: 'envoy.access_loggers.file',
        typed_config: fileAccessLog(accessLog, { ...sessionLog, flags: '%RESPONSE_FLAGS%' }),
      },
    ],
  },
}));
