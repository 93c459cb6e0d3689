import net from 'node:net';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { isOwnShortage } from '../upstream/own-shortage.ts';
import { placeOf } from '../upstream/place.ts';
import type { ToldClient } from '../upstream/told-client.ts';
import type { HttpShared } from './http-context.ts';
import { type LocalReply, localReplies } from './local-reply.ts';

/**
 * A connection to an endpoint, under way.
 * @param client whom the endpoint is told of, in the first bytes; null: of nobody
 */
export function connectUpstream(
  { proxyHeaders }: Cluster,
  host: Host,
  { readBuffer }: HttpShared,
  client: ToldClient | null,
  onRead: (b: Buffer, bytes: number) => boolean,
): net.Socket {
  const socket = net.connect({
    ...placeOf(host.config),
    noDelay: true,
    onread: { buffer: readBuffer, callback: (bytes, b) => onRead(b as Buffer, bytes) },
  });
  if (client !== null && proxyHeaders !== null) {
    // in one write with what is written until it stands
    socket.cork();
    socket.write(client.headerBy(proxyHeaders));
    socket.once('connect', () => socket.uncork());
  }
  return socket;
}

/** What is said of a connection that was never made. @param code of the socket's error; undefined: there was none */
export function connectFailureOf(timedOut: boolean, code: string | undefined): LocalReply {
  if (timedOut) return localReplies.connectTimeout;
  return isOwnShortage(code) ? localReplies.ownShortage : localReplies.connectFailure;
}
