/** One request and its answer, as a record: filled along the phases, counted and logged once at the end. */
import { type Field, fieldValue } from '../../proto/http2/field.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Arrival } from '../model/arrival.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { CompiledRoute } from '../route/table.ts';
import { emptyLogEntry } from '../telemetry/empty-log-entry.ts';
import { logArrival } from '../telemetry/log-arrival.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import type { LocalityLoad } from '../upstream/load.ts';
import { localStatus } from '../upstream/outcomes.ts';
import type { Downstream } from './downstream.ts';
import type { Filtering } from './filtering.ts';
import { httpStatusOf, isEndpointsFault, readGrpcStatus } from './grpc.ts';
import type { HttpContext, HttpListener } from './http-context.ts';
import { type Lines, readUtilization } from './load-metrics.ts';
import type { LocalReply } from './local-reply.ts';
import { RequestAsk } from './request-ask.ts';
import type { RequestTarget } from './request-target.ts';

const noHeaders: readonly string[] = [];

/** How a client ends a request before its answer is whole, in the words of the access log. */
export interface ClientEnd {
  readonly flag: string;
  readonly details: string;
}

export const clientEnds = {
  disconnect: { flag: 'DC', details: 'downstream_remote_disconnect' },
  cut: { flag: 'DC', details: 'downstream_local_disconnect' },
  reset: { flag: 'DR', details: 'http2.remote_reset' },
  malformed: { flag: 'DPE', details: 'http2.violation.of.messaging.rule' },
  connectionError: { flag: 'DPE', details: 'codec_error' },
} as const satisfies Record<string, ClientEnd>;

type Outcome = 'success' | 'error' | 'cancelled';

/** Its policy looks at what endpoints say, and at how they do. */
function goesByRecord({ config }: Cluster): boolean {
  return config.balance.policy.type === 'utilization';
}

type Client = Pick<Downstream, 'protocol' | 'address' | 'localAddress' | 'arrival' | 'told'>;

/** Reused for every request of a connection. */
export class Exchange {
  running = false;
  context: HttpContext;
  startMs = 0;
  startEpochMs = 0;
  /** When the upstream's response head came; -1: not yet. */
  answeredMs = -1;
  method = '';
  target = '';
  authority = '';
  requestId = '';
  /** `ip:port` of the trusted client. */
  clientAddress = '';
  clientIp = '';
  status = 0;
  flags = '';
  /** A filter delayed it on purpose (`DI`). */
  delayed = false;
  /** Why a failed try was the last one: `URX`, no retry was left; `UO`, the budget had no room. */
  retryFlag = '';
  details = '';
  bytesReceived = 0;
  bytesSent = 0;
  route: CompiledRoute | null = null;
  cluster: Cluster | null = null;
  host: Host | null = null;
  /** It goes to its route's fallback. */
  fellBack = false;
  isGrpc = false;
  /** Translated: to its endpoint it is gRPC. */
  isGrpcWeb = false;
  /** Of a gRPC request, once it is known; -1: not yet. */
  grpcStatus = -1;
  /** What the route changes of the answer; null: nothing. */
  responseChanges: HeaderChanges | null = null;
  readonly #listener: HttpListener;
  readonly ask: RequestAsk;
  readonly client: Client;
  #arrival: Arrival | null = null;
  /** `ip:port` */
  #peerAddress = '';
  #trying = false;
  /** The try at hand came to nothing for what this machine lacks. */
  #ownShortage = false;
  /** When the try at hand began, where it matters. */
  #triedMs = 0;
  #cancelled = false;
  #load: LocalityLoad | null = null;
  #loggedHeaders: readonly string[] = noHeaders;

  constructor(listener: HttpListener, client: Client) {
    this.#listener = listener;
    this.client = client;
    this.context = listener.context;
    this.ask = new RequestAsk(client);
  }

  /** Of the client. */
  get protocol(): Downstream['protocol'] {
    return this.client.protocol;
  }

  /** In which the request asks to go on. */
  get version(): Downstream['protocol'] {
    return this.isGrpcWeb ? 'HTTP/2' : this.client.protocol;
  }

  /** Until the request has been read to its end; 0: for ever. */
  get requestTimeoutMs(): number {
    return this.context.chain.limits.requestTimeoutMs;
  }

  /** An endpoint's answer begins, whether or not it is passed on: what it says of its load, and its word to outlier detection. */
  onAnswer(head: MessageHead): void {
    this.noteLoad(head);
    if (this.isGrpc) this.grpcStatus = readGrpcStatus(head.first('grpc-status'));
    const { outcomes } = this.cluster!;
    if (outcomes === null) return;
    const host = this.host!;
    outcomes.answered(host, this.grpcStatus < 0 ? head.status : httpStatusOf(this.grpcStatus));
    if (outcomes.config.latency !== null) host.counts.latency.record(this.#listener.shared.now() - this.#triedMs);
  }

  noteLoad(lines: Lines): void {
    if (!goesByRecord(this.cluster!)) return;
    const utilization = readUtilization(lines);
    if (utilization >= 0) this.host!.record.report(utilization, this.#listener.shared.now());
  }

  /** The try at hand came to nothing, or to no end. */
  onFailure(wasConnected: boolean): void {
    if (this.#trying) this.cluster!.outcomes?.failed(this.host!, localStatus.failed, wasConnected);
  }

  /** There was nothing to connect with, which says nothing of the endpoint. */
  onOwnShortage(): void {
    this.#ownShortage = true;
  }

  /** It took too long to begin to answer. */
  onTimeout(wasConnected: boolean): void {
    if (!this.#trying || this.answeredMs >= 0) return;
    this.cluster!.outcomes?.failed(this.host!, localStatus.timedOut, wasConnected);
  }

  /** The head of the endpoint's answer is here. */
  answeredBy(head: MessageHead, filtering: Filtering | null): void {
    this.status = head.status;
    this.details = 'via_upstream';
    this.answeredMs = this.#listener.shared.now();
    this.responseChanges = this.ask.changesOf(this.responseChanges, this.host!, this.#listener.shared);
    if (filtering !== null) this.responseChanges = filtering.changesOf(head.status, head);
  }

  noteTrailers(trailers: readonly Field[]): void {
    if (goesByRecord(this.cluster!)) this.noteLoad({ first: (name) => fieldValue(trailers, name) ?? '' });
    if (this.isGrpc) this.grpcStatus = readGrpcStatus(fieldValue(trailers, 'grpc-status') ?? '');
  }

  /** The proxy answers. @param headOnly whatever the body says */
  answeredItself(reply: LocalReply, headOnly: boolean): void {
    this.status = reply.status;
    this.flags = reply.flag;
    this.details = reply.details;
    if (this.isGrpc && reply.grpcStatus !== undefined) this.grpcStatus = reply.grpcStatus;
    if (!headOnly) this.bytesSent += reply.body.length;
  }

  /** The answer that has begun will not be whole. */
  cutShort({ flag, details }: LocalReply): void {
    this.flags = flag;
    this.details = details;
    this.#listener.stats.rqTxReset.value++;
  }

  /** Nothing may move for so long; 0: for ever. */
  get idleMs(): number {
    return this.route?.config.streamIdleTimeoutMs ?? this.context.chain.limits.streamIdleTimeoutMs;
  }

  /** A head was read. */
  begin(target: RequestTarget): void {
    const { shared, stats, context } = this.#listener;
    this.running = true;
    this.context = context;
    this.startMs = shared.now();
    this.startEpochMs = shared.wallClock();
    this.answeredMs = -1;
    this.method = target.method;
    this.target = target.target;
    this.authority = target.authority;
    this.requestId = target.client.requestId;
    this.clientAddress = target.client.address;
    this.clientIp = target.client.ip;
    this.#arrival = this.client.arrival;
    this.#peerAddress = this.client.address;
    this.status = 0;
    this.flags = '';
    this.retryFlag = '';
    this.delayed = false;
    this.details = '';
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.route = null;
    this.cluster = null;
    this.host = null;
    this.fellBack = false;
    this.isGrpc = false;
    this.isGrpcWeb = false;
    this.grpcStatus = -1;
    this.responseChanges = null;
    this.ask.clear();
    this.#cancelled = false;
    const names = context.loggedHeaders;
    this.#loggedHeaders = names.length === 0 ? noHeaders : names.map((name) => target.headerLines(name)[0] ?? '');
    stats.rqTotal.value++;
    if (this.client.protocol === 'HTTP/2') stats.rqHttp2Total.value++;
    else stats.rqHttp1Total.value++;
    stats.rqActive.value++;
  }

  /** The cluster's counts from here to the end of the try. */
  sentTo(cluster: Cluster, host: Host): void {
    this.cluster = cluster;
    this.host = host;
    this.#trying = true;
    this.#ownShortage = false;
    host.counts.begin();
    const { outcomes } = cluster;
    if (outcomes !== null) {
      outcomes.began(host);
      if (outcomes.config.latency !== null) this.#triedMs = this.#listener.shared.now();
    }
    this.#load = host.load;
    this.#load.begin();
    cluster.stats.rqTotal.value++;
    cluster.stats.rqActive.value++;
  }

  /** A try failed, and another one will follow. Nothing if none is under way. */
  endTry(): void {
    if (!this.#trying) return;
    this.#trying = false;
    this.grpcStatus = -1;
    this.host!.counts.end();
    this.#end('error');
    this.cluster!.stats.rqActive.value--;
  }

  #end(outcome: Outcome): void {
    this.#load!.end(outcome);
    if (outcome === 'cancelled' || this.#ownShortage || !goesByRecord(this.cluster!)) return;
    this.host!.record.count(outcome === 'success', this.#listener.shared.now());
  }

  /** Unless it was cut by this side, the client went before its answer was whole. */
  onClientGone({ flag, details }: ClientEnd): void {
    if (!this.running || this.flags !== '') return;
    this.#listener.stats.rqRxReset.value++;
    this.flags = flag;
    this.details = details;
    this.#cancelled = true;
  }

  #outcome(): Outcome {
    if (this.answeredMs >= 0) return this.status < 500 && !isEndpointsFault(this.grpcStatus) ? 'success' : 'error';
    return this.#cancelled ? 'cancelled' : 'error';
  }

  /** The last phase of every request, good or bad: counts and logs. Nothing after the first call. */
  finish(): void {
    if (!this.running) return;
    this.running = false;
    const { shared, stats, localAddress } = this.#listener;
    const now = shared.now();
    const durationMs = now - this.startMs;
    stats.rqActive.value--;
    if (this.status > 0) {
      stats.rqCompleted.value++;
      stats.rqXx[(this.status / 100) | 0]!.value++;
      stats.rqTimeMs.record(durationMs);
    }
    const { cluster, host } = this;
    if (this.#trying && cluster !== null && host !== null) {
      this.#trying = false;
      host.counts.end();
      this.#end(this.#outcome());
      cluster.stats.rqActive.value--;
      if (this.answeredMs >= 0) {
        cluster.stats.rqCompleted.value++;
        cluster.stats.rqXx[(this.status / 100) | 0]!.value++;
        cluster.stats.rqTimeMs.record(durationMs);
      }
    }
    const logs = this.context.logs;
    if (logs.length === 0) return;
    const entry = scratch;
    entry.startMs = this.startEpochMs;
    entry.durationMs = durationMs;
    entry.upstreamServiceMs = this.answeredMs < 0 ? -1 : this.answeredMs - this.startMs;
    entry.method = this.method;
    entry.path = this.target;
    entry.authority = this.authority;
    entry.protocol = this.protocol;
    entry.status = this.status;
    entry.grpcStatus = this.grpcStatus;
    entry.flags = flagsOf(this.flags, this.retryFlag, this.delayed);
    entry.details = this.details;
    entry.bytesReceived = this.bytesReceived;
    entry.bytesSent = this.bytesSent;
    entry.upstreamHost = host === null ? '' : host.key;
    entry.upstreamCluster = cluster === null ? '' : cluster.name;
    entry.routeName = this.route === null ? '' : this.route.config.name;
    entry.requestId = this.requestId;
    entry.downstreamAddress = this.clientAddress;
    entry.downstreamIp = this.clientIp;
    if (this.#arrival === null) {
      entry.directAddress = this.#peerAddress;
      entry.localAddress = localAddress;
      entry.requestedServerName = '';
      entry.proxyTlvs = null;
    } else logArrival(entry, this.#arrival);
    entry.requestHeaders = this.#loggedHeaders;
    for (let i = 0; i < logs.length; i++) logs[i]!.write(entry);
  }
}

/** In Envoy's order. */
function flagsOf(flag: string, retryFlag: string, delayed: boolean): string {
  if (delayed) return flag === '' ? 'DI' : afterDelay.has(flag) ? `DI,${flag}` : `${flag},DI`;
  if (retryFlag === '') return flag === '' ? '-' : flag;
  return flag === '' ? retryFlag : `${retryFlag},${flag}`;
}

const afterDelay = new Set(['FI', 'DC', 'SI']);

/** Logs read it at once, so one object serves all. */
const scratch: LogEntry = emptyLogEntry();
