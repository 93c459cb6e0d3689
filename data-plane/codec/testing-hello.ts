/** For tests: what TLS clients say first, made by hand or caught from Node's own. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

type Bytes = Buffer | string;

const bytesOf = (value: Bytes): Buffer => (typeof value === 'string' ? Buffer.from(value, 'latin1') : value);

/** Big-endian. */
export const number = (value: number, bytes: number): Buffer => {
  const b = Buffer.alloc(bytes);
  b.writeUIntBE(value, 0, bytes);
  return b;
};

/** With its length, of so many bytes, in front. */
export const vector = (value: Bytes, lengthBytes = 2): Buffer => {
  const b = bytesOf(value);
  return Buffer.concat([number(b.length, lengthBytes), b]);
};

export const extension = (type: number, data: Bytes): Buffer => Buffer.concat([number(type, 2), vector(data)]);

export const names = (...list: Bytes[]): Buffer =>
  extension(0, vector(Buffer.concat(list.map((name) => Buffer.concat([number(0, 1), vector(name)])))));

export const protocols = (...list: Bytes[]): Buffer =>
  extension(16, vector(Buffer.concat(list.map((protocol) => vector(protocol, 1)))));

export interface HelloParts {
  readonly version?: number;
  readonly session?: Buffer;
  readonly ciphers?: Buffer;
  readonly compressions?: Buffer;
  /** Null: not even an empty list of them. */
  readonly extensions?: readonly Buffer[] | null;
}

/** The message, without records. */
export function helloMessage(parts: HelloParts = {}): Buffer {
  const { extensions = [] } = parts;
  const body = Buffer.concat([
    number(parts.version ?? 0x0303, 2),
    Buffer.alloc(32, 7),
    vector(parts.session ?? Buffer.alloc(32, 8), 1),
    vector(parts.ciphers ?? Buffer.from([0x13, 1, 0x13, 2])),
    vector(parts.compressions ?? Buffer.from([0]), 1),
    ...(extensions === null ? [] : [vector(Buffer.concat(extensions))]),
  ]);
  return Buffer.concat([number(1, 1), vector(body, 3)]);
}

/** A message in records of at most so many bytes. */
export function records(message: Buffer, bytes = 16_384): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += bytes) {
    parts.push(Buffer.from([22, 3, 1]), vector(message.subarray(at, at + bytes)));
  }
  return Buffer.concat(parts);
}

export const hello = (...extensions: Buffer[]): Buffer => records(helloMessage({ extensions }));

/** What Node's own client says first. */
export async function caughtHello(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ host: '127.0.0.1', port, ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  let all = Buffer.alloc(0);
  // the length of its one record says when it is all here
  while (all.length < 5 || all.length < 5 + all.readUInt16BE(3)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    all = Buffer.concat([all, chunk]);
  }
  client.destroy();
  socket.destroy();
  server.close();
  return all;
}
