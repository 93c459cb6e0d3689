/** One stream of one service at a time over gRPC, incremental ADS or reports, to one of several servers; messages are bytes. */
import * as grpc from '@grpc/grpc-js';
import type { ChannelSecurity, SecuredChannel } from './channel-security.ts';
import { limits } from './limits.ts';

/** gRPC method paths. */
export const methods = {
  ads: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  health: '/fairlead.report.v1.NodeReports/StreamHealth',
  state: '/fairlead.report.v1.NodeReports/StreamState',
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
  // a name with an address for each replica: the nodes spread over them
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ pick_first: { shuffleAddressList: true } }] }),
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
  readonly #method: string;
  /** The one in use, or to be tried next, comes first. */
  #servers: readonly string[];
  readonly #security: ChannelSecurity;
  readonly #metadata = new grpc.Metadata();
  /** Lives on after a stream to the only server that failed, for it learns how often the server stands pings. */
  #client: grpc.Client | null = null;
  /** What it was made with. */
  #channel: SecuredChannel | null = null;
  #call: Call | null = null;

  /** @param servers `host:port` of each, at least one, in the order in which they are tried */
  constructor(
    servers: readonly string[],
    token: string | undefined,
    security: ChannelSecurity,
    method: string = methods.ads,
  ) {
    this.#method = method;
    this.#servers = servers;
    this.#security = security;
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
  }

  /** The one that a stream is, or will next be, opened to. */
  get server(): string {
    return this.#servers[0] ?? '';
  }

  /** Connects and opens a stream; the one before must have ended. Once it ends, the next server has its turn. */
  open(handlers: AdsHandlers): void {
    const client = this.#secureClient(handlers);
    if (client === null) return;
    const channel = client.getChannel();
    const deadline = new Date(Date.now() + limits.connectTimeoutMs);
    const look = (late?: Error): void => {
      if (this.#client !== client) return;
      const state = channel.getConnectivityState(true);
      const settled = state === grpc.connectivityState.READY || state === grpc.connectivityState.TRANSIENT_FAILURE;
      if (late !== undefined && !settled) {
        const { server } = this;
        this.#turnToNext();
        handlers.onEnd(`no connection to ${server} within ${limits.connectTimeoutMs} ms`, false);
      } else if (settled) {
        // where connecting failed, the call ends at once and says why
        this.#start(client, state === grpc.connectivityState.READY, handlers);
      } else {
        channel.watchConnectivityState(state, deadline, look);
      }
    };
    look();
  }

  /** As it is, or a new one where files of TLS have changed; null: they are no good, and the handlers know. */
  #secureClient(handlers: AdsHandlers): grpc.Client | null {
    try {
      const channel = this.#security(this.server);
      if (channel !== this.#channel) this.#dropClient();
      this.#channel = channel;
      const { credentials, options } = channel;
      return (this.#client ??= new grpc.Client(this.server, credentials, { ...channelOptions, ...options }));
    } catch (error) {
      handlers.onEnd((error as Error).message, false);
      return null;
    }
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
      // who ends it without an error may want this node elsewhere: at another address of the same name, maybe
      if (!connected || code === grpc.status.OK || this.#servers.length > 1) this.#turnToNext();
      handlers.onEnd(
        code === grpc.status.OK ? 'the server ended the stream' : `${grpc.status[code] ?? code}: ${details}`,
        code === grpc.status.UNIMPLEMENTED,
      );
    });
    handlers.onOpen();
  }

  #turnToNext(): void {
    this.#dropClient();
    this.#servers = [...this.#servers.slice(1), this.server];
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
