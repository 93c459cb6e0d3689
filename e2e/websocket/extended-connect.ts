/** What `ws` takes for a connection of HTTP/1.1 at either end, and is a stream of HTTP/2 in truth (RFC 8441). */
import { createHash } from 'node:crypto';
import type http2 from 'node:http2';
import { Duplex } from 'node:stream';

type Done = (error?: Error | null) => void;

/** Its first write is a head of HTTP/1.1; the rest is the stream's. */
abstract class HeadedStream extends Duplex {
  #stream: http2.Http2Stream | null = null;
  #head = '';

  constructor() {
    super({ allowHalfOpen: true });
  }

  /** @param lines of the head, the first one included */
  protected abstract onHead(lines: readonly string[]): http2.Http2Stream;

  /** From here on what comes on the stream is read. */
  protected read8441(stream: http2.Http2Stream): void {
    stream.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.on('end', () => this.push(null));
    stream.on('error', (error) => this.destroy(error));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#stream !== null) {
      this.#stream.write(chunk, done);
      return;
    }
    this.#head += chunk.toString('latin1');
    if (this.#head.endsWith('\r\n\r\n')) this.#stream = this.onHead(this.#head.trimEnd().split('\r\n'));
    done();
  }

  override _read(): void {
    this.#stream?.resume();
  }

  override _final(done: Done): void {
    if (this.#stream === null) done();
    else this.#stream.end(done);
  }

  /** As a socket that is closed: its end is sent, and what still comes is nobody's. */
  override _destroy(error: Error | null, done: Done): void {
    this.#stream?.removeAllListeners('data').end().resume();
    done(error);
  }
}

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The handshake that is written to it becomes an extended CONNECT; its 200 is read as a 101 to the key of that. */
export class ClientStream extends HeadedStream {
  readonly #session: http2.ClientHttp2Session;

  constructor(session: http2.ClientHttp2Session) {
    super();
    this.#session = session;
  }

  protected override onHead([line = '', ...lines]: readonly string[]): http2.Http2Stream {
    const fields = fieldsOf(lines);
    const key = fields.get('sec-websocket-key') ?? '';
    const authority = fields.get('host') ?? '';
    for (const name of ['sec-websocket-key', 'host', 'connection', 'upgrade']) fields.delete(name);
    const stream = this.#session.request(
      {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':scheme': 'http',
        ':authority': authority,
        ':path': line.split(' ')[1],
        ...Object.fromEntries(fields),
      },
      { endStream: false },
    );
    stream.once('response', (headers) => {
      const opened = headers[':status'] === 200;
      const passed = Object.entries(headers).filter(([name]) => name.startsWith('sec-websocket-'));
      const answer = [
        opened ? 'HTTP/1.1 101 Switching Protocols' : `HTTP/1.1 ${headers[':status']} Refused`,
        ...(opened ? ['connection: upgrade', 'upgrade: websocket'] : []),
        `sec-websocket-accept: ${createHash('sha1')
          .update(key + guid)
          .digest('base64')}`,
        ...passed.map(([name, value]) => `${name}: ${value}`),
      ];
      this.push(`${answer.join('\r\n')}\r\n\r\n`);
      this.read8441(stream);
    });
    stream.on('error', (error) => this.destroy(error));
    return stream;
  }
}

/** An extended CONNECT that has come; the 101 that is written to it is answered as a 200. */
export class ServerStream extends HeadedStream {
  readonly #asked: http2.ServerHttp2Stream;

  constructor(asked: http2.ServerHttp2Stream) {
    super();
    this.#asked = asked;
  }

  protected override onHead([line = '', ...lines]: readonly string[]): http2.Http2Stream {
    const opens = line.split(' ')[1] === '101';
    const passed = [...fieldsOf(lines)].filter(([name]) => /^sec-websocket-(protocol|extensions)$/.test(name));
    this.#asked.respond({ ':status': opens ? 200 : 403, ...Object.fromEntries(passed) });
    this.read8441(this.#asked);
    return this.#asked;
  }
}

function fieldsOf(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const one of lines) fields.set(one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 2));
  return fields;
}
