/** One stream of one service at a time over gRPC, incremental ADS or load reports; messages go in and out as bytes. */
import * as grpc from '@grpc/grpc-js';
import { limits } from './limits.ts';

/** gRPC method paths. */
export const methods = {
  ads: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  load: '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats',
} as const;

const channelOptions: grpc.ChannelOptions = {
  'grpc.keepalive_time_ms': limits.pingMs,
  'grpc.keepalive_timeout_ms': limits.pingTimeoutMs,
  'grpc.max_receive_message_length': limits.responseBytes,
  'grpc.max_send_message_length': -1,
  // no detour by the proxy of the environment, no lookups of service configs
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  // the back-off of an earlier channel must not hold up this one
  'grpc.use_local_subchannel_pool': 1,
};

export interface AdsHandlers {
  /** Requests may be sent. */
  onOpen(): void;
  onMessage(bytes: Buffer): void;
  /** The stream ended, or could not be opened: once, and nothing after it. */
  onEnd(reason: string, isUnimplemented: boolean): void;
}

type Call = grpc.ClientDuplexStream<Buffer, Buffer>;

const passThrough = (bytes: Buffer): Buffer => bytes;

export class AdsConnection {
  readonly #server: string;
  readonly #method: string;
  readonly #metadata = new grpc.Metadata();
  /** Lives on after a stream, for it learns how often the server stands pings; not after a failure to connect. */
  #client: grpc.Client | null = null;
  #call: Call | null = null;

  /** @param server `host:port` */
  constructor(server: string, token: string | undefined, method: string = methods.ads) {
    this.#server = server;
    this.#method = method;
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
  }

  /** Connects and opens a stream; the one before must have ended. */
  open(handlers: AdsHandlers): void {
    const client = (this.#client ??= new grpc.Client(this.#server, grpc.credentials.createInsecure(), channelOptions));
    const channel = client.getChannel();
    const deadline = new Date(Date.now() + limits.connectTimeoutMs);
    const look = (late?: Error): void => {
      if (this.#client !== client) return;
      const state = channel.getConnectivityState(true);
      const settled = state === grpc.connectivityState.READY || state === grpc.connectivityState.TRANSIENT_FAILURE;
      if (late !== undefined && !settled) {
        this.#dropClient();
        handlers.onEnd(`no connection to ${this.#server} within ${limits.connectTimeoutMs} ms`, false);
      } else if (settled) {
        // where connecting failed, the call ends at once and says why
        this.#start(client, state === grpc.connectivityState.READY, handlers);
      } else {
        channel.watchConnectivityState(state, deadline, look);
      }
    };
    look();
  }

  #start(client: grpc.Client, connected: boolean, handlers: AdsHandlers): void {
    const call: Call = client.makeBidiStreamRequest(this.#method, passThrough, passThrough, this.#metadata);
    this.#call = call;
    call.on('data', (bytes: Buffer) => {
      if (this.#call === call) handlers.onMessage(bytes);
    });
    // its news come with the status
    call.on('error', () => {});
    call.on('status', ({ code, details }) => {
      if (this.#call !== call) return;
      this.#call = null;
      if (!connected) this.#dropClient();
      handlers.onEnd(
        code === grpc.status.OK ? 'the server ended the stream' : `${grpc.status[code] ?? code}: ${details}`,
        code === grpc.status.UNIMPLEMENTED,
      );
    });
    handlers.onOpen();
  }

  #dropClient(): void {
    this.#client?.close();
    this.#client = null;
  }

  /** Without a stream, says nothing. */
  send(bytes: Uint8Array): void {
    this.#call?.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /** Ends the stream from this side; `onEnd` is told, as of any other end. */
  cancel(): void {
    this.#call?.cancel();
  }

  /** Ends everything; no handler is called any more. */
  close(): void {
    const call = this.#call;
    this.#call = null;
    call?.cancel();
    this.#dropClient();
  }
}
