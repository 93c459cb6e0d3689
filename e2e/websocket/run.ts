/** Conversations through one of our listeners, each as it is had directly: what differs, and what the proxy told of them. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { setImmediate as turn } from 'node:timers/promises';
import { startProxy } from '../../data-plane/proxy-testing.ts';
import { clusterOf, routeOf } from '../../data-plane/testing.ts';
import { type Compared, compare } from './compare.ts';
import { connect, connectBy, startServer } from './peers.ts';

export interface Report extends Compared {
  /** What the access log says of all of them. */
  readonly logged: {
    readonly lines: number;
    readonly statuses: readonly number[];
    readonly toClients: number;
    readonly toServers: number;
  };
  /** What the ends heard, bytes behind the handshakes. */
  readonly heard: { readonly clients: number; readonly servers: number };
  readonly faults: readonly unknown[];
}

export type Version = 'HTTP/1.1' | 'HTTP/2';

export interface Leg {
  readonly client: Version;
  readonly endpoint: Version;
}

export const legs: readonly Leg[] = (['HTTP/1.1', 'HTTP/2'] as const).flatMap((client) =>
  (['HTTP/1.1', 'HTTP/2'] as const).map((endpoint) => ({ client, endpoint })),
);

export async function haveConversations(seed: number, count: number, { client, endpoint }: Leg): Promise<Report> {
  const server = await startServer();
  const proxy = await startProxy({
    cluster: clusterOf([server.ports[endpoint]], { protocol: endpoint === 'HTTP/2' ? 'http2' : 'http1' }),
    routes: [routeOf('c', { upgrades: [{ type: 'websocket', enabled: true }] })],
  });
  const session = client === 'HTTP/2' ? await connectHttp2(proxy.port) : null;
  try {
    const compared = await compare(seed, count, server, {
      direct: (conversation) => connect(server.ports['HTTP/1.1'], conversation),
      proxied: (conversation) =>
        session === null ? connect(proxy.port, conversation) : connectBy(session, conversation),
    });
    const { stats } = proxy.server;
    // both ends are closed; the proxy hears of it a moment later
    while (stats.cxUpgradesActive.value > 0) await turn();
    const sum = (of: (one: (typeof proxy.log)[number]) => number) => proxy.log.reduce((all, one) => all + of(one), 0);
    const { outcomes } = compared;
    return {
      ...compared,
      logged: {
        lines: proxy.log.length,
        statuses: [...new Set(proxy.log.map(({ status }) => status))],
        toClients: sum(({ bytesSent }) => bytesSent),
        toServers: sum(({ bytesReceived }) => bytesReceived),
      },
      heard: {
        clients: outcomes.reduce((all, { client }) => all + client.bytes, 0),
        servers: outcomes.reduce((all, one) => all + one.server.bytes, 0),
      },
      faults: proxy.faults,
    };
  } finally {
    session?.destroy();
    await proxy.stop();
    await server.stop();
  }
}

async function connectHttp2(port: number): Promise<http2.ClientHttp2Session> {
  // Node resets streams of a session that has more megabytes to send than this
  const session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1_000 });
  session.on('error', () => {});
  // extended CONNECT may be asked for once it has been offered
  await once(session, 'remoteSettings');
  return session;
}
