/** A client that asks and then does not read: HTTP/2 by hand, since gRPC's own clients read ahead. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { Variant, XdsType } from '../ports.ts';
import { encodeFirstRequest, type Received, readResponse } from './raw-client.ts';
import { streamPath } from './stream-path.ts';

const messageHeadBytes = 5;

export class StalledClient {
  readonly #variant: Variant;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;

  constructor(address: { host: string; port: number }, variant: Variant, type: XdsType, names: readonly string[]) {
    this.#variant = variant;
    this.#session = connect(`http://${address.host}:${address.port}`);
    this.#session.on('error', () => {});
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': streamPath(variant, 'ads'),
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream.on('error', () => {});
    const request = encodeFirstRequest(variant, type, names);
    const head = Buffer.alloc(messageHeadBytes);
    head.writeUInt32BE(request.length, 1);
    this.#stream.write(Buffer.concat([head, request]));
  }

  /** Reads from now on, until a response satisfies the condition; gives all that were read. */
  async readUntil(satisfied: (response: Received) => boolean): Promise<Received[]> {
    const responses: Received[] = [];
    let rest = Buffer.alloc(0);
    for await (const chunk of this.#stream) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= messageHeadBytes && rest.length >= messageHeadBytes + rest.readUInt32BE(1)) {
        const end = messageHeadBytes + rest.readUInt32BE(1);
        const response = readResponse(this.#variant, rest.subarray(messageHeadBytes, end));
        responses.push(response);
        rest = rest.subarray(end);
        if (satisfied(response)) return responses;
      }
    }
    throw new Error('the stream ended before');
  }

  close(): void {
    this.#session.destroy();
  }
}
