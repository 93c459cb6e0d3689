/** The UDP proxies of `udp`: one worker, one endpoint, a line of access log a session in a file, the same idle time. */
import type { HttpContender } from './contender.ts';
import { duration, envoyOf, fileAccessLog } from './envoy.ts';
import { fairlead } from './fairlead.ts';
import { startNginx } from './nginx.ts';
import { missingStream, nginxStream } from './tcp.ts';

export interface UdpWork {
  /** A session without a datagram for so long is forgotten. */
  readonly idleMs: number;
}

/** More than there are in any turn. */
const sessions = 30_000;

export const fairleadUdp = ({ idleMs }: UdpWork, nodeOptions = ''): HttpContender =>
  fairlead(
    (site, accessLog) => [
      { kind: 'NodeGroup', name: 'bench', spec: { tier: 'l4' } },
      {
        kind: 'Listener',
        name: 'front',
        spec: {
          ...{ groups: ['bench'], address: '127.0.0.1', port: site.port, protocol: 'udp' },
          accessLog: { format: 'json', to: accessLog },
          limits: { connections: sessions },
        },
      },
      {
        kind: 'L4Route',
        name: 'front',
        spec: { listener: 'front', to: [{ cluster: 'shop' }], idleTimeout: `${idleMs}ms`, datapath: 'user' },
      },
      {
        kind: 'Cluster',
        name: 'shop',
        spec: {
          protocol: 'udp',
          endpoints: [{ address: '127.0.0.1', port: site.backendPort }],
          breakers: { connections: sessions },
        },
      },
    ],
    nodeOptions,
  );

export const nginxUdp = ({ idleMs }: UdpWork): HttpContender => ({
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
    listen 127.0.0.1:${site.port} udp;
    proxy_pass 127.0.0.1:${site.backendPort};
    proxy_timeout ${idleMs}ms;
  }`,
        2 * sessions,
      ),
    ),
});

const logFields = [
  ...['time_iso8601', 'remote_addr', 'remote_port', 'status', 'bytes_sent', 'bytes_received', 'session_time'],
  'upstream_addr',
];

export const envoyUdp = ({ idleMs }: UdpWork): HttpContender =>
  envoyOf((site, accessLog) => ({
    listener: {
      address: { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: site.port } },
      listener_filters: [udpProxy(accessLog, idleMs)],
    },
    cluster: { circuit_breakers: { thresholds: [{ max_connections: sessions }] } },
  }));

function udpProxy(accessLog: string, idleMs: number): object {
  return {
    name: 'envoy.filters.udp_listener.udp_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig',
      stat_prefix: 'front',
      matcher: {
        on_no_match: {
          action: {
            name: 'route',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.Route',
              cluster: 'shop',
            },
          },
        },
      },
      idle_timeout: duration(idleMs),
      access_log: [{ name: 'envoy.access_loggers.file', typed_config: fileAccessLog(accessLog, udpLog) }],
    },
  };
}

const udpLog = {
  start_time: '%START_TIME%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  upstream_host: '%UPSTREAM_HOST%',
  peer: '%DOWNSTREAM_REMOTE_ADDRESS%',
};
