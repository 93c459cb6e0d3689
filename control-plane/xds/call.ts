/** A gRPC call on its way to being a subscriber: who is it, may it, and which of its requests are for whom. */
import { typeUrls, xdsTypeOf } from '../../proto/type-urls.ts';
import type { CallHandler, GrpcCall } from '../grpc/method.ts';
import { status } from '../grpc/status.ts';
import type { SnapshotSource } from '../snapshot/snapshot.ts';
import type { Admission } from './admission.ts';
import { bearerToken } from './bearer-token.ts';
import type { FanOut } from './fan-out.ts';
import type { InFlight } from './in-flight.ts';
import { limits } from './limits.ts';
import type {
  AuthorizeStream,
  NodeIdentity,
  PeerCertificate,
  StreamInfo,
  StreamKind,
  StreamObserver,
  Timers,
  XdsLogger,
  XdsType,
} from './ports.ts';
import {
  type DeltaRequest,
  decodeDeltaRequest,
  decodeSotwRequest,
  type NodeIntroduction,
  type RequestEnvelope,
  type SotwRequest,
  takesHostsApart,
  takesTtl,
} from './requests.ts';
import { encodeResponse } from './responses.ts';
import { Subscriber } from './subscriber.ts';

export interface CallPorts {
  readonly source: SnapshotSource;
  readonly authorize: AuthorizeStream;
  readonly certificateOf: (peer: string) => PeerCertificate | undefined;
  readonly observer: StreamObserver;
  readonly timers: Timers;
  readonly logger: XdsLogger;
  readonly fanOut: FanOut;
  readonly admission: Admission;
  readonly inFlight: InFlight;
  readonly nextStreamId: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class DiscoveryCall implements CallHandler {
  readonly #call: GrpcCall;
  readonly #kind: StreamKind;
  readonly #ports: CallPorts;
  readonly #onClosed: () => void;
  readonly #cancelFirstRequestTimer: () => void;
  #subscriber: Subscriber | undefined;
  #node: NodeIdentity | undefined;
  #toldOfOtherNode = false;
  #over = false;
  #leaveAdmission: () => void = () => {};

  constructor(call: GrpcCall, kind: StreamKind, ports: CallPorts, onClosed: () => void) {
    this.#call = call;
    this.#kind = kind;
    this.#ports = ports;
    this.#onClosed = onClosed;
    this.#cancelFirstRequestTimer = ports.timers.after(limits.firstRequestMs, () => {
      const seconds = limits.firstRequestMs / 1000;
      this.#refuse(
        status.DEADLINE_EXCEEDED,
        `no request came within ${seconds} s; a subscriber sends its node with the first`,
      );
    });
  }

  /** Address and port of the client's end of the connection. */
  get peer(): string {
    return this.#call.peer;
  }

  /** Undefined before it is known who asks, and once the stream is over. */
  get subscriber(): Subscriber | undefined {
    return this.#over ? undefined : this.#subscriber;
  }

  /** Ends the stream without an error: at the client's half-close (case A2), and at shutdown (case A3). */
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
    if (this.#kind.variant === 'sotw') {
      const request = this.#decode(decodeSotwRequest, bytes);
      if (request !== undefined) this.#take(request, (subscriber, type) => subscriber.hearSotw(type, request));
    } else {
      const request = this.#decode(decodeDeltaRequest, bytes);
      if (request !== undefined) this.#take(request, (subscriber, type) => subscriber.hearDelta(type, request));
    }
  }

  #decode<R extends SotwRequest | DeltaRequest>(decode: (bytes: Uint8Array) => R, bytes: Buffer): R | undefined {
    try {
      return decode(bytes);
    } catch {
      const message = this.#kind.variant === 'sotw' ? 'DiscoveryRequest' : 'DeltaDiscoveryRequest';
      this.#refuse(status.INVALID_ARGUMENT, `the request is no envoy.service.discovery.v3.${message}`);
      return undefined;
    }
  }

  #take(request: RequestEnvelope, hear: (subscriber: Subscriber, type: XdsType) => void): void {
    this.#cancelFirstRequestTimer();
    const fault = this.#faultOf(request);
    if (fault !== undefined) {
      this.#refuse(status.INVALID_ARGUMENT, fault);
      return;
    }
    if (this.#subscriber !== undefined) {
      this.#noteOtherNode(request);
      this.#pass(this.#subscriber, request, hear);
      return;
    }
    // nothing more is read until its turn has come and it is known who asks, so nothing piles up
    this.#call.pause();
    this.#leaveAdmission = this.#ports.admission.enter({
      begin: () => {
        void this.#admit(request)
          .then((subscriber) => {
            if (subscriber === undefined) return;
            this.#pass(subscriber, request, hear);
            this.#call.resume();
          })
          .catch((err: unknown) => this.#fail(err));
      },
      refuse: ({ message, retryMs }) => {
        const { id, group } = request.node?.identity ?? {};
        this.#ports.logger.warn({ node: id, group, retryMs }, `stream refused: ${message}`);
        this.#refuse(status.UNAVAILABLE, message, retryMs);
      },
    });
  }

  #pass(subscriber: Subscriber, { typeUrl }: RequestEnvelope, hear: (to: Subscriber, type: XdsType) => void): void {
    const type = this.#kind.service === 'ads' ? xdsTypeOf(typeUrl) : this.#kind.service;
    if (type === undefined) {
      // open and quiet (case 8)
      this.#ports.logger.debug({ node: this.#node?.id, typeUrl }, 'a type that is not served was asked for');
      return;
    }
    try {
      hear(subscriber, type);
    } catch (err) {
      this.#fail(err);
    }
  }

  /** What is wrong with a request, and what to do about it. */
  #faultOf({ typeUrl, node }: RequestEnvelope): string | undefined {
    const { service } = this.#kind;
    if (service === 'ads' && typeUrl === '') {
      return 'type_url is empty; on the aggregated service every request says which type it is about';
    }
    if (service !== 'ads' && typeUrl !== '' && typeUrl !== typeUrls[service]) {
      return `this service serves ${typeUrls[service]}; ask for ${typeUrl} at its own service, or at the aggregated one`;
    }
    if (this.#subscriber !== undefined) return undefined;
    for (const [field, value, meaning] of [
      ['node.id', node?.identity.id ?? '', 'a name that no other node has'],
      ['node.cluster', node?.identity.group ?? '', 'the name of a NodeGroup'],
    ] as const) {
      if (value === '') return `${field} is empty in the first request of the stream; set it to ${meaning}`;
      if (value.length > limits.nodeNameLength) return `${field} is longer than ${limits.nodeNameLength} characters`;
    }
    return undefined;
  }

  /** The subscriber, or undefined if the stream is over. */
  async #admit({ node }: RequestEnvelope): Promise<Subscriber | undefined> {
    if (node === undefined) return undefined;
    const { identity } = node;
    const token = bearerToken(this.#call) ?? node.token;
    let verdict: Awaited<ReturnType<AuthorizeStream>>;
    try {
      verdict = await this.#ports.authorize(token, identity, this.#ports.certificateOf(this.#call.peer));
    } catch (err) {
      this.#ports.logger.error({ err, node: identity.id, group: identity.group }, 'authorisation of a stream failed');
      this.#refuse(status.UNAVAILABLE, 'the token cannot be checked at the moment; try again');
      return undefined;
    }
    if (this.#over) return undefined;
    if (!verdict.ok) {
      const { code, message } = verdict;
      this.#ports.logger.warn({ code, node: identity.id, group: identity.group }, `stream refused: ${message}`);
      this.#refuse(code === 'unauthenticated' ? status.UNAUTHENTICATED : status.PERMISSION_DENIED, message);
      return undefined;
    }
    this.#node = identity;
    this.#subscriber = this.#subscribe(node);
    return this.#subscriber;
  }

  #subscribe({ identity, ...introduction }: NodeIntroduction): Subscriber {
    const { source, observer, timers, fanOut, inFlight, nextStreamId, now } = this.#ports;
    const { peer } = this.#call;
    const info: StreamInfo = {
      ...{ streamId: nextStreamId(), node: identity, ...this.#kind, peer },
      hostsApart: takesHostsApart(this.#kind, introduction),
      takesTtl: takesTtl(this.#kind.variant, introduction.features),
    };
    return new Subscriber(info, {
      source,
      observer,
      timers,
      now,
      fanOut,
      inFlight,
      write: (response, taken) => this.#call.send([encodeResponse(response)], taken),
      joined: () => this.#leaveAdmission(),
      fail: (err) => this.#fail(err),
    });
  }

  /** A fault of this server: it ends this stream and no other. */
  #fail(err: unknown): void {
    this.#ports.logger.error({ err, node: this.#node?.id, group: this.#node?.group }, 'a stream failed');
    this.#refuse(status.INTERNAL, 'the control plane failed on this stream; its log has the cause');
  }

  /** The node of the first request stays the stream's node (cases 5, A1). */
  #noteOtherNode({ node }: RequestEnvelope): void {
    const first = this.#node;
    if (node === undefined || first === undefined || this.#toldOfOtherNode) return;
    const { id, group } = node.identity;
    if (id === first.id && group === first.group) return;
    this.#toldOfOtherNode = true;
    this.#ports.logger.warn(
      { node: first.id, group: first.group, other: { id, group } },
      'a stream changed its node midway; the node of its first request stays',
    );
  }

  #refuse(code: number, details: string, retryMs?: number): void {
    if (!this.#release()) return;
    this.#call.refuse({
      code,
      details: details.slice(0, limits.statusLength),
      ...(retryMs !== undefined && { retryMs }),
    });
  }

  /** False if it was released before. */
  #release(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#cancelFirstRequestTimer();
    this.#leaveAdmission();
    this.#subscriber?.close();
    this.#onClosed();
    return true;
  }
}
