/** What a real Envoy needs to judge a translation: a static bootstrap of a group's resources, and backends. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { DocumentSet } from '../model/document-set.ts';
import { translateGroup } from './group.ts';
import type { MessageOf, TranslatedType } from './resources.ts';
import { asJson } from './testing.ts';

type Json = Record<string, unknown>;

/** The very messages that nodes are sent, but with RDS and EDS inlined, so that no control plane is needed. */
export function staticBootstrap(documents: DocumentSet, group: string): Json {
  const { listeners, routes, virtualHosts, clusters, endpoints } = translateGroup(documents, group);
  const hosts = new Map(virtualHosts.map(({ name, message }) => [name, message]));
  const routesOf = new Map(
    routes.map(({ name, message, hosts: names = [] }) => {
      const virtual_hosts = names.flatMap((host) => hosts.get(host) ?? []);
      return [name, embedded('routes', { ...message, virtual_hosts })];
    }),
  );
  const endpointsOf = new Map(endpoints.map(({ name, message }) => [name, embedded('endpoints', message)]));
  return {
    static_resources: {
      listeners: listeners.map(({ name, message }) => inlineRoutes(embedded('listeners', message), routesOf.get(name))),
      clusters: clusters.map(({ name, message }) => {
        const { eds_cluster_config: overAds, ...cluster } = embedded('clusters', message);
        if (overAds === undefined) return cluster;
        const assignment = message.eds_cluster_config?.service_name || name;
        return { ...cluster, type: 'STATIC', load_assignment: endpointsOf.get(assignment) };
      }),
    },
  };
}

function embedded<T extends TranslatedType>(type: T, message: MessageOf<T>): Json {
  const { '@type': _, ...json } = asJson(type, message);
  return json;
}

function inlineRoutes(listener: Json, routes: Json | undefined): Json {
  if (routes === undefined) return listener;
  const [chain] = listener['filter_chains'] as {
    filter_chain_match?: Json;
    filters: { name: string; typed_config: Json }[];
  }[];
  const before = chain?.filters.slice(0, -1) ?? [];
  const filter = chain?.filters.at(-1);
  const { rds: _overAds, ...manager } = filter?.typed_config ?? {};
  const inlined = { name: filter?.name, typed_config: { ...manager, route_config: routes } };
  const match = chain?.filter_chain_match;
  return {
    ...listener,
    filter_chains: [{ ...(match && { filter_chain_match: match }), filters: [...before, inlined] }],
  };
}

export interface Backend {
  readonly port: number;
  /** Host headers of the probes to /healthz. */
  readonly probedHosts: readonly (string | undefined)[];
  readonly stop: () => Promise<void>;
}

/** Answers its own name to everything, except that it never answers below /silence. */
export async function startHttpBackend(name: string): Promise<Backend> {
  const probedHosts: (string | undefined)[] = [];
  const server = http.createServer((request, response) => {
    if (request.url === '/healthz') probedHosts.push(request.headers.host);
    if (!request.url?.startsWith('/silence')) response.end(name);
  });
  // Envoy ends what is idle; a connection that ends here the moment it is used again would cost a request
  server.keepAliveTimeout = 0;
  return { ...(await listening(server)), probedHosts };
}

/** Sends back what it is sent. */
export async function startEchoBackend(): Promise<Backend> {
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  return { ...(await listening(server)), probedHosts: [] };
}

async function listening(server: net.Server): Promise<Pick<Backend, 'port' | 'stop'>> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const stop = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, stop };
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: http.IncomingHttpHeaders;
}

/** One request on a connection of its own; a header with a list goes out as several lines. */
export async function ask(
  port: number,
  path: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
  method = 'GET',
): Promise<Answer> {
  const lines = { host: 'shop.example.com', ...headers } as http.OutgoingHttpHeaders;
  const request = http.request({ host: '127.0.0.1', port, path, method, headers: lines, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { status: response.statusCode ?? 0, body, headers: response.headers };
}
