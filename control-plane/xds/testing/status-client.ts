/** An administrator's client of client status discovery: raw calls by path, without reflection. */
import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import { decode, encode } from '../../../proto/codec.ts';
import type { ClientStatusRequest, ClientStatusResponse } from '../../../proto/envoy.ts';

const path = '/envoy.service.status.v3.ClientStatusDiscoveryService';
const asBytes = (bytes: Buffer): Buffer => bytes;
const encoded = (request: ClientStatusRequest): Buffer =>
  Buffer.from(encode('envoy.service.status.v3.ClientStatusRequest', request));
const decoded = (bytes: Buffer): ClientStatusResponse => decode('envoy.service.status.v3.ClientStatusResponse', bytes);

export interface StreamAnswer {
  readonly messages: readonly ClientStatusResponse[];
  /** Of the largest message. */
  readonly bytes: number;
  readonly status: StatusObject;
}

export class StatusClient {
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(address: { host: string; port: number }, token?: string) {
    this.#client = new Client(`${address.host}:${address.port}`, credentials.createInsecure());
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
  }

  /** Rejects with the call's ServiceError. */
  fetch(request: ClientStatusRequest = {}): Promise<ClientStatusResponse> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<Buffer, Buffer>(
        `${path}/FetchClientStatus`,
        asBytes,
        asBytes,
        encoded(request),
        this.#metadata,
        (error, bytes) => (bytes === undefined ? reject(error) : resolve(decoded(bytes))),
      );
    });
  }

  /** Asks each request in turn, half-closes, and resolves at the end of the stream. */
  stream(...requests: readonly ClientStatusRequest[]): Promise<StreamAnswer> {
    const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(
      `${path}/StreamClientStatus`,
      asBytes,
      asBytes,
      this.#metadata,
    );
    const messages: ClientStatusResponse[] = [];
    let bytes = 0;
    call.on('data', (message: Buffer) => {
      bytes = Math.max(bytes, message.length);
      messages.push(decoded(message));
    });
    call.on('error', () => {});
    for (const request of requests) call.write(encoded(request));
    call.end();
    return new Promise((resolve) => {
      call.on('status', (status) => resolve({ messages, bytes, status }));
    });
  }

  close(): void {
    this.#client.close();
  }
}
