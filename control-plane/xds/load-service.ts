/** Load reporting (LRS): nodes tell what they send where, in the interval that this server asks for. */
import { decode, durationOf, encode } from '../../proto/codec.ts';
import type { LoadStatsRequest, LoadStatsResponse } from '../../proto/envoy.ts';
import type { CallHandler, GrpcCall, Method } from '../grpc/method.ts';
import { status } from '../grpc/status.ts';
import type { SnapshotSource } from '../snapshot/snapshot.ts';
import { bearerToken } from './bearer-token.ts';
import { limits } from './limits.ts';
import { loadsOf } from './load-messages.ts';
import type { AuthorizeStream, LoadObserver, NodeIdentity, PeerCertificate, Timers, XdsLogger } from './ports.ts';
import { introductionOf } from './requests.ts';

const path = '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats';
const allClustersFeature = 'envoy.lrs.supports_send_all_clusters';

export interface LoadPorts {
  readonly source: SnapshotSource;
  readonly authorize: AuthorizeStream;
  readonly certificateOf: (peer: string) => PeerCertificate | undefined;
  readonly observer: LoadObserver;
  readonly timers: Timers;
  readonly logger: XdsLogger;
}

export class LoadService {
  readonly #ports: LoadPorts;
  readonly #calls = new Set<LoadCall>();

  constructor(ports: LoadPorts) {
    this.#ports = ports;
  }

  /** By gRPC method path. */
  get methods(): [string, Method][] {
    const open: Method = (call) => {
      const opened = new LoadCall(call, this.#ports, () => this.#calls.delete(opened));
      this.#calls.add(opened);
      return opened;
    };
    return [[path, open]];
  }

  /** Ends every stream without an error. */
  end(): void {
    for (const call of this.#calls) call.end();
  }
}

class LoadCall implements CallHandler {
  readonly #call: GrpcCall;
  readonly #ports: LoadPorts;
  readonly #onClosed: () => void;
  readonly #cancelFirstRequestTimer: () => void;
  #node: NodeIdentity | undefined;
  #unwatch: (() => void) | undefined;
  /** The names that the node was asked for last, for one that does not report all by itself. */
  #asked: readonly string[] = [];
  #over = false;

  constructor(call: GrpcCall, ports: LoadPorts, onClosed: () => void) {
    this.#call = call;
    this.#ports = ports;
    this.#onClosed = onClosed;
    this.#cancelFirstRequestTimer = ports.timers.after(limits.firstRequestMs, () => {
      const seconds = limits.firstRequestMs / 1000;
      this.#refuse(status.DEADLINE_EXCEEDED, `no request came within ${seconds} s; a node introduces itself first`);
    });
  }

  end(): void {
    if (this.#release()) this.#call.end();
  }

  halfClosed(): void {
    this.end();
  }

  closed(): void {
    this.#release();
  }

  message(bytes: Buffer): void {
    if (this.#over) return;
    let request: LoadStatsRequest;
    try {
      request = decode('envoy.service.load_stats.v3.LoadStatsRequest', bytes);
    } catch {
      this.#refuse(status.INVALID_ARGUMENT, 'the request is no envoy.service.load_stats.v3.LoadStatsRequest');
      return;
    }
    if (this.#node !== undefined) {
      this.#take(this.#node, request);
      return;
    }
    this.#cancelFirstRequestTimer();
    // nothing more is read until it is known who reports
    this.#call.pause();
    void this.#admit(request).then((node) => {
      if (node === undefined) return;
      this.#node = node;
      this.#ask(node, request);
      this.#take(node, request);
      this.#call.resume();
    });
  }

  #take(node: NodeIdentity, request: LoadStatsRequest): void {
    const served = this.#ports.source.get(node.group)?.types.clusters.resources;
    const clusters = loadsOf(request, (name) => served?.has(name) === true);
    this.#ports.observer.reported(node, { intervalMs: limits.loadReportMs, clusters });
  }

  /** Says what to report; again when the group's clusters change, to a node that has to be told their names. */
  #ask(node: NodeIdentity, request: LoadStatsRequest): void {
    const load_reporting_interval = durationOf(limits.loadReportMs);
    if (request.node?.client_features?.includes(allClustersFeature)) {
      this.#send({ send_all_clusters: true, load_reporting_interval });
      return;
    }
    const { source } = this.#ports;
    const names = (): string[] => [...(source.get(node.group)?.types.clusters.resources.keys() ?? [])];
    const tell = (): void => {
      this.#asked = names();
      this.#send({ clusters: [...this.#asked], load_reporting_interval });
    };
    this.#unwatch = source.watch(node.group, () => {
      if (names().join('\n') !== this.#asked.join('\n')) tell();
    });
    tell();
  }

  /** The node, or undefined if the stream is over. */
  async #admit(request: LoadStatsRequest): Promise<NodeIdentity | undefined> {
    const { identity, token: inNode } = introductionOf(request.node ?? {});
    for (const [field, value] of [
      ['node.id', identity.id],
      ['node.cluster', identity.group],
    ] as const) {
      if (value !== '' && value.length <= limits.nodeNameLength) continue;
      const wrong = value === '' ? 'empty' : `longer than ${limits.nodeNameLength} characters`;
      this.#refuse(status.INVALID_ARGUMENT, `${field} is ${wrong} in the first request of the stream`);
      return undefined;
    }
    const { authorize, certificateOf, logger } = this.#ports;
    const token = bearerToken(this.#call) ?? inNode;
    let verdict: Awaited<ReturnType<AuthorizeStream>>;
    try {
      verdict = await authorize(token, identity, certificateOf(this.#call.peer));
    } catch (err) {
      logger.error({ err, node: identity.id, group: identity.group }, 'authorisation of load reports failed');
      this.#refuse(status.UNAVAILABLE, 'the token cannot be checked at the moment; try again');
      return undefined;
    }
    if (this.#over) return undefined;
    if (verdict.ok) return identity;
    const { code, message } = verdict;
    logger.warn({ code, node: identity.id, group: identity.group }, `load reports refused: ${message}`);
    this.#refuse(code === 'unauthenticated' ? status.UNAUTHENTICATED : status.PERMISSION_DENIED, message);
    return undefined;
  }

  #send(response: LoadStatsResponse): void {
    this.#call.send([encode('envoy.service.load_stats.v3.LoadStatsResponse', response)], () => {});
  }

  #refuse(code: number, details: string): void {
    if (this.#release()) this.#call.refuse({ code, details: details.slice(0, limits.statusLength) });
  }

  /** False if it was released before. */
  #release(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#cancelFirstRequestTimer();
    this.#unwatch?.();
    if (this.#node !== undefined) this.#ports.observer.ended(this.#node);
    this.#onClosed();
    return true;
  }
}
