/** What a WebSocket over HTTP/1.1 takes for its connection, and is a stream of HTTP/2 in truth (RFC 8441). */
import { createHash } from 'node:crypto';
import type http2 from 'node:http2';
import { Duplex } from 'node:stream';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The handshake that is written to it becomes an extended CONNECT; its 200 is read as a 101 to the key of that. */
export class ExtendedConnect extends Duplex {
  readonly #session: http2.ClientHttp2Session;
  #stream: http2.ClientHttp2Stream | null = null;
  #handshake = '';

  constructor(session: http2.ClientHttp2Session) {
    super({ allowHalfOpen: true });
    this.#session = session;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#stream !== null) {
      this.#stream.write(chunk, done);
      return;
    }
    this.#handshake += chunk.toString('latin1');
    if (this.#handshake.endsWith('\r\n\r\n')) this.#open();
    done();
  }

  override _read(): void {
    this.#stream?.resume();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#stream === null) done();
    else this.#stream.end(done);
  }

  /** As a socket that is closed: its end is sent, and what still comes is nobody's. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stream?.removeAllListeners('data').end().resume();
    done(error);
  }

  #open(): void {
    const [line = '', ...lines] = this.#handshake.trimEnd().split('\r\n');
    const fields = new Map<string, string>();
    for (const one of lines) fields.set(one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 2));
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
    this.#stream = stream;
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
    });
    stream.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.on('end', () => this.push(null));
    stream.on('error', (error) => this.destroy(error));
  }
}
