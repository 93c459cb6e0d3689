/** Client status discovery (CSDS): what every client of the fleet has, for administrators. */
import {
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { decode, encode } from '../../proto/codec.ts';
import type { ClientStatusRequest, ClientStatusResponse } from '../../proto/envoy.ts';
import { bearerToken } from './bearer-token.ts';
import { limits } from './limits.ts';
import type { AuthorizeStatus, ClientElsewhere, PeerCertificate, XdsLogger } from './ports.ts';
import { clientConfigs, type SizedConfig } from './status-messages.ts';
import type { Subscriber } from './subscriber.ts';

const service = 'envoy.service.status.v3.ClientStatusDiscoveryService';
const streamPath = `/${service}/StreamClientStatus`;
const fetchPath = `/${service}/FetchClientStatus`;

export const statusService: ServiceDefinition = {
  [streamPath]: methodOf(streamPath, true),
  [fetchPath]: methodOf(fetchPath, false),
};

export interface StatusPorts {
  readonly authorize: AuthorizeStatus;
  readonly certificateOf: (peer: string) => PeerCertificate | undefined;
  /** The streams that are open. */
  readonly subscribers: () => Iterable<Subscriber>;
  /** Clients of other replicas; one that has streams at several comes more than once, the newest first. */
  readonly elsewhere: () => Iterable<ClientElsewhere>;
  readonly logger: XdsLogger;
}

/** How a call ends that is not answered. */
interface Refused {
  readonly code: number;
  readonly details: string;
}

type StreamCall = ServerDuplexStream<Buffer, ClientStatusResponse>;
type FetchCall = ServerUnaryCall<Buffer, ClientStatusResponse>;

export class StatusService {
  readonly #ports: StatusPorts;
  readonly #calls = new Set<StreamCall>();

  constructor(ports: StatusPorts) {
    this.#ports = ports;
  }

  /** By gRPC method path. */
  get handlers(): UntypedServiceImplementation {
    return {
      [streamPath]: (call: StreamCall) => this.#stream(call),
      [fetchPath]: (call: FetchCall, answer: sendUnaryData<ClientStatusResponse>) => {
        this.#fetch(call, answer).catch((err) => answer(this.#failed(err)));
      },
    };
  }

  /** Ends every stream without an error. */
  end(): void {
    for (const call of this.#calls) this.#leave(call);
  }

  #leave(call: StreamCall, refused?: Refused): void {
    if (!this.#calls.delete(call)) return;
    if (refused === undefined) call.end();
    else call.emit('error', refused);
  }

  #failed(err: unknown): Refused {
    this.#ports.logger.error({ err }, 'a client status request failed');
    return { code: status.INTERNAL, details: 'the control plane failed on this request; its log has the cause' };
  }

  /** Each request is answered in one or more messages, in order; the stream ends after the client's half-close. */
  #stream(call: StreamCall): void {
    this.#calls.add(call);
    let last: Promise<void> = Promise.resolve();
    call.on('data', (bytes: Buffer) => {
      // one question at a time, so that none pile up
      call.pause();
      last = this.#answer(call, bytes).catch((err) => this.#leave(call, this.#failed(err)));
    });
    call.on('end', () => void last.then(() => this.#leave(call)));
    for (const event of ['cancelled', 'close']) call.on(event, () => this.#calls.delete(call));
  }

  async #answer(call: StreamCall, bytes: Buffer): Promise<void> {
    const configs = await this.#ask(call, bytes);
    if ('code' in configs) {
      this.#leave(call, configs);
      return;
    }
    let config: SizedConfig['config'][] = [];
    let size = 0;
    for (const next of configs) {
      if (config.length > 0 && size + next.bytes > limits.statusMessageBytes) {
        await this.#write(call, { config });
        if (!this.#calls.has(call)) return;
        config = [];
        size = 0;
      }
      config.push(next.config);
      size += next.bytes;
    }
    await this.#write(call, { config });
    call.resume();
  }

  /** Resolves when the transport has taken the message, or when the stream is over. */
  async #write(call: StreamCall, response: ClientStatusResponse): Promise<void> {
    if (!this.#calls.has(call)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    call.once('close', resolve);
    call.once('cancelled', resolve);
    call.write(response, () => resolve());
    await promise;
    call.removeListener('close', resolve);
    call.removeListener('cancelled', resolve);
  }

  async #fetch(call: FetchCall, answer: sendUnaryData<ClientStatusResponse>): Promise<void> {
    const configs = await this.#ask(call, call.request);
    if ('code' in configs) {
      answer(configs);
      return;
    }
    const config: SizedConfig['config'][] = [];
    let size = 0;
    for (const next of configs) {
      size += next.bytes;
      if (size > limits.statusFetchBytes) {
        const details =
          'the answer is too large for one message; use StreamClientStatus, name nodes with node_matchers, or set exclude_resource_contents';
        answer({ code: status.RESOURCE_EXHAUSTED, details });
        return;
      }
      config.push(next.config);
    }
    answer(null, { config });
  }

  async #ask(call: StreamCall | FetchCall, bytes: Buffer): Promise<Refused | Iterable<SizedConfig>> {
    let verdict: Awaited<ReturnType<AuthorizeStatus>>;
    try {
      verdict = await this.#ports.authorize(bearerToken(call.metadata), this.#ports.certificateOf(call.getPeer()));
    } catch (err) {
      this.#ports.logger.error({ err }, 'authorisation of a client status request failed');
      return { code: status.UNAVAILABLE, details: 'the token cannot be checked at the moment; try again' };
    }
    if (!verdict.ok) {
      const { code, message } = verdict;
      this.#ports.logger.warn({ code }, `client status refused: ${message}`);
      return { code: code === 'unauthenticated' ? status.UNAUTHENTICATED : status.PERMISSION_DENIED, details: message };
    }
    let request: ClientStatusRequest;
    try {
      request = decode('envoy.service.status.v3.ClientStatusRequest', bytes);
    } catch {
      const details = 'the request is no envoy.service.status.v3.ClientStatusRequest';
      return { code: status.INVALID_ARGUMENT, details };
    }
    const nodes = matchedNodes(request);
    if (nodes === 'unsupported') {
      const details =
        'node_matchers may only say node_id.exact, without ignore_case and without node_metadatas; leave them out for every node';
      return { code: status.INVALID_ARGUMENT, details };
    }
    const { subscribers, elsewhere } = this.#ports;
    return clientConfigs(subscribers(), elsewhere(), nodes, request.exclude_resource_contents === true);
  }
}

/** Node ids; undefined: every node. */
function matchedNodes({ node_matchers = [] }: ClientStatusRequest): ReadonlySet<string> | undefined | 'unsupported' {
  if (node_matchers.length === 0) return undefined;
  const ids = new Set<string>();
  for (const { node_id, node_metadatas = [] } of node_matchers) {
    if (!node_id?.exact || node_id.ignore_case || node_metadatas.length > 0) return 'unsupported';
    ids.add(node_id.exact);
  }
  return ids;
}

function methodOf(path: string, streams: boolean): MethodDefinition<Buffer, ClientStatusResponse> {
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (response) => Buffer.from(encode('envoy.service.status.v3.ClientStatusResponse', response)),
    responseDeserialize: (bytes) => decode('envoy.service.status.v3.ClientStatusResponse', bytes),
  };
}
