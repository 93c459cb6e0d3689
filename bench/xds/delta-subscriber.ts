/** One incremental subscriber on a raw gRPC stream: takes all of some types, acknowledges, and looks at nothing else. */
import { Buffer } from 'node:buffer';
import { type Client, type ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import { encode } from '../../proto/codec.ts';
import { readEnvelope } from './envelope.ts';

const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const same = (bytes: Buffer): Buffer => bytes;

export interface SubscriberOptions {
  readonly client: Client;
  readonly id: string;
  readonly group: string;
  readonly token: string;
  /** Type URLs; everything of each is asked for. */
  readonly types: readonly string[];
  /** Told after the acknowledgement of a response was written. */
  readonly onAcknowledged: (typeUrl: string, bytes: number) => void;
  readonly onEnd: (error: Error) => void;
}

export class DeltaSubscriber {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;

  constructor({ client, id, group, token, types, onAcknowledged, onEnd }: SubscriberOptions) {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    this.#call = client.makeBidiStreamRequest(method, same, same, metadata);
    this.#call.on('data', (bytes: Buffer) => {
      const { typeUrl, nonce } = readEnvelope(bytes);
      this.#call.write(request({ type_url: typeUrl, response_nonce: nonce }));
      onAcknowledged(typeUrl, bytes.length);
    });
    this.#call.on('error', onEnd);
    this.#call.on('end', () => onEnd(new Error(`${id}: the server ended the stream`)));
    types.forEach((typeUrl, index) => {
      const client_features = ['fairlead.virtual-hosts'];
      const node = index === 0 ? { node: { id, cluster: group, user_agent_name: 'bench', client_features } } : {};
      this.#call.write(request({ ...node, type_url: typeUrl, resource_names_subscribe: ['*'] }));
    });
  }

  /** Reads nothing more. What the server sends from now on stays in its buffers. */
  stopReading(): void {
    this.#call.pause();
  }

  close(): void {
    this.#call.removeAllListeners('error').on('error', () => {});
    this.#call.removeAllListeners('end');
    this.#call.cancel();
  }
}

function request(message: Parameters<typeof encode<'envoy.service.discovery.v3.DeltaDiscoveryRequest'>>[1]): Buffer {
  return Buffer.from(encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', message));
}
