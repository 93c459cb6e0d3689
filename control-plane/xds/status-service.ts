/** Client status discovery (CSDS): what every client of the fleet has, for administrators. */
import { decode, encode } from '../../proto/codec.ts';
import type { ClientStatusRequest, ClientStatusResponse } from '../../proto/envoy.ts';
import type { CallHandler, GrpcCall, Method } from '../grpc/method.ts';
import { type Refusal, status } from '../grpc/status.ts';
import { bearerToken } from './bearer-token.ts';
import { limits } from './limits.ts';
import type { AuthorizeStatus, ClientElsewhere, PeerCertificate, XdsLogger } from './ports.ts';
import { clientConfigs, type SizedConfig } from './status-messages.ts';
import type { Subscriber } from './subscriber.ts';

const service = 'envoy.service.status.v3.ClientStatusDiscoveryService';

export interface StatusPorts {
  readonly authorize: AuthorizeStatus;
  readonly certificateOf: (peer: string) => PeerCertificate | undefined;
  /** The streams that are open. */
  readonly subscribers: () => Iterable<Subscriber>;
  /** Clients of other replicas; one that has streams at several comes more than once, the newest first. */
  readonly elsewhere: () => Iterable<ClientElsewhere>;
  readonly logger: XdsLogger;
}

export class StatusService {
  readonly #ports: StatusPorts;
  readonly #calls = new Set<StatusCall>();

  constructor(ports: StatusPorts) {
    this.#ports = ports;
  }

  /** By gRPC method path. */
  get methods(): [string, Method][] {
    const open = (Call: typeof StreamedStatus | typeof FetchedStatus): Method => {
      return (call) => {
        const opened = new Call(call, this, () => this.#calls.delete(opened));
        this.#calls.add(opened);
        return opened;
      };
    };
    return [
      [`/${service}/StreamClientStatus`, open(StreamedStatus)],
      [`/${service}/FetchClientStatus`, open(FetchedStatus)],
    ];
  }

  /** Ends every call without an error. */
  end(): void {
    for (const call of this.#calls) call.leave();
  }

  failed(err: unknown): Refusal {
    this.#ports.logger.error({ err }, 'a client status request failed');
    return { code: status.INTERNAL, details: 'the control plane failed on this request; its log has the cause' };
  }

  async ask(call: GrpcCall, bytes: Buffer): Promise<Refusal | Iterable<SizedConfig>> {
    let verdict: Awaited<ReturnType<AuthorizeStatus>>;
    try {
      verdict = await this.#ports.authorize(bearerToken(call), this.#ports.certificateOf(call.peer));
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

abstract class StatusCall implements CallHandler {
  protected readonly call: GrpcCall;
  protected readonly service: StatusService;
  readonly #onClosed: () => void;
  #over = false;
  #onOver: () => void = () => {};

  constructor(call: GrpcCall, service: StatusService, onClosed: () => void) {
    this.call = call;
    this.service = service;
    this.#onClosed = onClosed;
  }

  abstract message(bytes: Buffer): void;
  abstract halfClosed(): void;

  closed(): void {
    this.#release();
  }

  leave(refusal?: Refusal): void {
    if (!this.#release()) return;
    if (refusal === undefined) this.call.end();
    else this.call.refuse(refusal);
  }

  /** Resolves when the transport has taken the message, or when the call is over: false then. */
  protected async send(response: ClientStatusResponse): Promise<boolean> {
    if (this.#over) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onOver = resolve;
    this.call.send([encode('envoy.service.status.v3.ClientStatusResponse', response)], resolve);
    await promise;
    return !this.#over;
  }

  #release(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#onClosed();
    this.#onOver();
    return true;
  }
}

/** Each request is answered in one or more messages, in order; the stream ends after the client's half-close. */
class StreamedStatus extends StatusCall {
  #last: Promise<void> = Promise.resolve();

  message(bytes: Buffer): void {
    // one question at a time, so that none pile up
    this.call.pause();
    this.#last = this.#answer(bytes).catch((err) => this.leave(this.service.failed(err)));
  }

  halfClosed(): void {
    void this.#last.then(() => this.leave());
  }

  async #answer(bytes: Buffer): Promise<void> {
    const configs = await this.service.ask(this.call, bytes);
    if ('code' in configs) {
      this.leave(configs);
      return;
    }
    let config: SizedConfig['config'][] = [];
    let size = 0;
    for (const next of configs) {
      if (config.length > 0 && size + next.bytes > limits.statusMessageBytes) {
        if (!(await this.send({ config }))) return;
        config = [];
        size = 0;
      }
      config.push(next.config);
      size += next.bytes;
    }
    if (await this.send({ config })) this.call.resume();
  }
}

/** One request, one message. */
class FetchedStatus extends StatusCall {
  #request: Buffer | undefined;

  message(bytes: Buffer): void {
    if (this.#request === undefined) this.#request = bytes;
    else this.leave({ code: status.INVALID_ARGUMENT, details: 'FetchClientStatus takes one request' });
  }

  halfClosed(): void {
    const request = this.#request;
    if (request === undefined) {
      this.leave({ code: status.INVALID_ARGUMENT, details: 'FetchClientStatus takes one request' });
      return;
    }
    this.#answer(request).catch((err) => this.leave(this.service.failed(err)));
  }

  async #answer(request: Buffer): Promise<void> {
    const configs = await this.service.ask(this.call, request);
    if ('code' in configs) {
      this.leave(configs);
      return;
    }
    const config: SizedConfig['config'][] = [];
    let size = 0;
    for (const next of configs) {
      size += next.bytes;
      if (size > limits.statusFetchBytes) {
        const details =
          'the answer is too large for one message; use StreamClientStatus, name nodes with node_matchers, or set exclude_resource_contents';
        this.leave({ code: status.RESOURCE_EXHAUSTED, details });
        return;
      }
      config.push(next.config);
    }
    if (await this.send({ config })) this.leave();
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
