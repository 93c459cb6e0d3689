import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { missingPeer, requirePath } from '../harness/peer-path.ts';
import { type HttpContender, type Running, type Site, timeouts } from './contender.ts';
import { byHost } from './route-table.ts';

/** Envoy with one worker thread and a JSON access log in a file. */
export const envoyHttp = envoy((site, accessLog) => connectionManager(site, accessLog));

/** @param filter what ends its filter chain */
export function envoy(filter: (site: Site, accessLog: string) => object): HttpContender {
  return envoyOf((site, accessLog) => ({
    listener: { filter_chains: [{ filters: [filter(site, accessLog)] }] },
    cluster: {},
  }));
}

/** Fields beyond those of all, or in their place. */
interface Parts {
  readonly listener: object;
  readonly cluster: object;
}

export function envoyOf(parts: (site: Site, accessLog: string) => Parts): HttpContender {
  return { name: 'envoy', missing: () => missingPeer('envoy'), start: (site) => start(site, parts) };
}

async function start(site: Site, parts: (site: Site, accessLog: string) => Parts): Promise<Running> {
  const accessLog = path.join(site.folder, 'access.log');
  const bootstrap = path.join(site.folder, 'bootstrap.json');
  writeFileSync(bootstrap, JSON.stringify(bootstrapOf(site, parts(site, accessLog))));
  const binary = requirePath('envoy');
  const child = site.processes.start({
    name: 'envoy',
    command: binary,
    // without hot restart no base id is taken, so that other Envoys of this machine are not disturbed
    args: ['-c', bootstrap, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warn'],
    core: site.cores.proxy,
  });
  return {
    name: 'envoy',
    version: `Envoy ${/\/(\d+\.\d+\.\d+)\//.exec(execFileSync(binary, ['--version'], { encoding: 'utf8' }))?.[1]}`,
    port: site.port,
    pid: child.pid ?? 0,
    accessLog,
    addsRequestId: true,
    assertAlive: () => site.processes.assertAlive(child, { name: 'envoy' }),
    stop: () => site.processes.stop(child),
  };
}

export const duration = (ms: number): string => `${ms / 1000}s`;
const socketAddress = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

function bootstrapOf(site: Site, { listener, cluster }: Parts): object {
  return {
    static_resources: {
      listeners: [
        {
          name: 'public',
          address: socketAddress(site.port),
          ...listener,
        },
      ],
      clusters: [
        {
          name: 'shop',
          type: 'STATIC',
          connect_timeout: duration(timeouts.connectMs),
          lb_policy: 'LEAST_REQUEST',
          ...cluster,
          ...(site.protocol === 'http1' ? {} : { typed_extension_protocol_options: http2Options }),
          load_assignment: {
            cluster_name: 'shop',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(site.backendPort) } }] }],
          },
        },
      ],
    },
  };
}

const httpLog = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(:PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  bytes_sent: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  upstream_host: '%UPSTREAM_HOST%',
  request_id: '%REQ(X-REQUEST-ID)%',
  peer: '%DOWNSTREAM_REMOTE_ADDRESS%',
};

const http2Options = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function connectionManager({ table }: Site, accessLog: string): object {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: 'public',
      use_remote_address: true,
      normalize_path: true,
      merge_slashes: true,
      request_headers_timeout: duration(timeouts.requestHeadMs),
      stream_idle_timeout: duration(timeouts.idleMs),
      common_http_protocol_options: { idle_timeout: duration(timeouts.idleMs) },
      access_log: [{ name: 'envoy.access_loggers.file', typed_config: fileAccessLog(accessLog, httpLog) }],
      route_config: {
        name: 'public',
        virtual_hosts: [...byHost(table)].map(([host, routes]) => ({
          name: host,
          domains: [host],
          routes: routes.map(({ prefix }) => ({
            match: { prefix },
            route: { cluster: 'shop', timeout: duration(timeouts.requestMs) },
          })),
        })),
      },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
        },
      ],
    },
  };
}

/** Of a TCP connection or a UDP session. */
export const sessionLog = {
  start_time: '%START_TIME%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  upstream_host: '%UPSTREAM_HOST%',
  peer: '%DOWNSTREAM_REMOTE_ADDRESS%',
};

export function fileAccessLog(file: string, fields: Readonly<Record<string, string>>): object {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path: file,
    log_format: { json_format: fields },
  };
}
