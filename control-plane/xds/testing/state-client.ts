/** A node that says how it is, and hears what it shall do. */
import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import { decode, encode } from '../../../proto/codec.ts';
import type { NodeOrders, NodeState } from '../../../proto/envoy.ts';

const asBytes = (bytes: Buffer): Buffer => bytes;
const path = '/fairlead.report.v1.NodeReports/StreamState';

export class StateClient {
  /** What it was told. */
  readonly orders: NodeOrders[] = [];
  readonly ended: Promise<StatusObject>;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  #onOrder: () => void = () => {};

  /** @param address HOST:PORT */
  constructor(address: string, token = 'secret') {
    this.#client = new Client(address, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    this.#call = this.#client.makeBidiStreamRequest(path, asBytes, asBytes, metadata);
    this.#call.on('error', () => {});
    this.#call.on('data', (bytes: Buffer) => {
      this.orders.push(decode('fairlead.report.v1.NodeOrders', bytes));
      this.#onOrder();
    });
    this.ended = new Promise((resolve) => this.#call.on('status', resolve));
  }

  say(state: NodeState): void {
    this.sayBytes(Buffer.from(encode('fairlead.report.v1.NodeState', state)));
  }

  sayBytes(bytes: Buffer): void {
    this.#call.write(bytes);
  }

  /** Resolves once it was told so many orders. */
  async until(count: number): Promise<void> {
    while (this.orders.length < count) {
      await new Promise<void>((resolve) => {
        this.#onOrder = resolve;
      });
    }
  }

  end(): void {
    this.#call.end();
  }

  /** As if the process were killed. */
  close(): void {
    this.#call.cancel();
    this.#client.close();
  }
}
