/** For tests: an endpoint that speaks HTTP/2 and does with each request what the test says. */
import net from 'node:net';
import { Connection, type ConnectionOptions } from '../../proto/http2/connection.ts';
import { type Field, fieldValue } from '../../proto/http2/field.ts';
import { bindSocket, socketWriter } from '../../proto/http2/socket.ts';
import type { Stream } from '../../proto/http2/stream.ts';

/** What has come of a request so far. */
export interface Asked {
  readonly stream: Stream<Asked>;
  readonly connection: Connection<Asked>;
  readonly socket: net.Socket;
  readonly fields: readonly Field[];
  body: string;
  trailers: readonly Field[] | null;
  isWhole: boolean;
  /** Code of the reset that ended it; undefined: none. */
  resetCode: number | undefined;
}

export interface H2Upstream {
  readonly port: number;
  /** All requests, in the order in which they began. */
  readonly asked: readonly Asked[];
  readonly connections: ReadonlySet<Connection<Asked>>;
  stop(): Promise<void>;
}

export const fieldsOf = ({ fields }: Pick<Asked, 'fields'>): string[] =>
  fields.map((one) => `${one.name}: ${one.value}`);

export interface H2UpstreamOptions extends Partial<ConnectionOptions<Asked>> {
  /** The head has come. */
  readonly onHead?: (asked: Asked) => void;
  /** All has come. */
  readonly onWhole?: (asked: Asked) => void;
}

/** Answers `200 ok` where nothing else is said. */
export async function startH2Upstream({ onHead, onWhole, ...options }: H2UpstreamOptions = {}): Promise<H2Upstream> {
  const asked: Asked[] = [];
  const connections = new Set<Connection<Asked>>();
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    const whole = (one: Asked): void => {
      one.isWhole = true;
      if (onWhole !== undefined) onWhole(one);
      else if (onHead === undefined) answer(one.stream);
    };
    const connection = new Connection<Asked>({
      role: 'server',
      writer: socketWriter(socket),
      handlers: {
        headers(stream, fields, endStream) {
          const one: Asked = {
            ...{ stream, connection, socket, fields },
            ...{ body: '', trailers: null, isWhole: endStream, resetCode: undefined },
          };
          stream.state = one;
          asked.push(one);
          onHead?.(one);
          if (endStream) whole(one);
        },
        data({ state }, chunk, endStream) {
          state!.body += chunk.toString('latin1');
          if (endStream) whole(state!);
        },
        trailers({ state }, fields) {
          state!.trailers = fields;
          whole(state!);
        },
        ended() {},
        reset({ state }, code) {
          if (state !== undefined) state.resetCode = code;
        },
        goAway() {},
        closed: () => connections.delete(connection),
      },
      ...options,
    });
    connections.add(connection);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    bindSocket(socket, connection);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    asked,
    connections,
    stop: async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function answer(stream: Stream<Asked>, status = '200', text = 'ok'): void {
  stream.headers(
    [
      [':status', status],
      ['x-from', 'h2'],
    ],
    text === '',
  );
  if (text !== '') stream.data(Buffer.from(text, 'latin1'), true);
}

export const header = (asked: Asked, name: string): string | undefined => fieldValue(asked.fields, name);
