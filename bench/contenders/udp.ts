/** The UDP proxies of `udp`: one worker, one endpoint, a line of access log a session in a file, the same idle time. */
import type { HttpContender } from './contender.ts';
import { duration, envoyOf, fileAccessLog, sessionLog } from './envoy.ts';
import { fairleadL4 } from './fairlead.ts';
import { nginxL4 } from './nginx-stream.ts';

export interface UdpWork {
  /** A session without a datagram for so long is forgotten. */
  readonly idleMs: number;
}

/** More than there are in any turn. */
const sessions = 30_000;

export const fairleadUdp = ({ idleMs }: UdpWork, nodeOptions = ''): HttpContender =>
  fairleadL4(
    {
      protocol: 'udp',
      listener: { limits: { connections: sessions } },
      route: { idleTimeout: `${idleMs}ms`, datapath: 'user' },
      cluster: { breakers: { connections: sessions } },
    },
    nodeOptions,
  );

export const nginxUdp = ({ idleMs }: UdpWork): HttpContender =>
  nginxL4({
    listen: 'udp',
    settings: `proxy_timeout ${idleMs}ms;`,
    logs: ['remote_port'],
    // each session has one to the client and one to the endpoint
    connections: 2 * sessions,
  });

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
      access_log: [{ name: 'envoy.access_loggers.file', typed_config: fileAccessLog(accessLog, sessionLog) }],
    },
  };
}
