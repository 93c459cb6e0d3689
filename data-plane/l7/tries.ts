/**
 * The tries of a request: whether there is another after one that failed, when, and at which endpoint; the last one may
 * be at the route's fallback. A request that is answered at once pays for a copy of its bytes, nothing else.
 */
import type { MessageHead } from '../codec/message-head.ts';
import { limits } from '../limits.ts';
import type { RetryConfig } from '../model/config.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { Deadline } from '../upstream/deadlines.ts';
import type { Host } from '../upstream/host.ts';
import { admits, freshConnection, type HttpVersion, takeConnection, versionTo } from './connect.ts';
import type { Exchange } from './exchange.ts';
import { fallbackOf } from './fallback.ts';
import type { HttpShared } from './http-context.ts';
import { type LocalReply, localReplies } from './local-reply.ts';
import { Replay } from './replay.ts';
import type { RequestDeadlines } from './request-deadlines.ts';
import { backoffMs, retriesAnswer, retriesEnd, type TryEnd } from './retry-rules.ts';
import type { ResponseSink, UpstreamRequest } from './upstream-request.ts';

/** Whose request it is. */
export interface TriesOwner extends ResponseSink {
  /** There will be no other try. */
  giveUp(reply: LocalReply): void;
}

export class Tries {
  /** Carries the try at hand; null: none is under way. */
  upstream: UpstreamRequest | null = null;
  readonly #shared: HttpShared;
  readonly #exchange: Exchange;
  readonly #deadlines: RequestDeadlines;
  readonly #owner: TriesOwner;
  readonly #replay = new Replay();
  #policy: RetryConfig | null = null;
  #perTryMs = 0;
  #made = 0;
  #version: HttpVersion = 'HTTP/1.1';
  /** A try that nobody saw was made again already. */
  #wasUnseen = false;
  /** Whose budget has a place taken by the retry at hand. */
  #charged: Cluster | null = null;
  #perTry: Deadline | null = null;
  #backoff: Deadline | null = null;

  constructor(shared: HttpShared, exchange: Exchange, deadlines: RequestDeadlines, owner: TriesOwner) {
    this.#shared = shared;
    this.#exchange = exchange;
    this.#deadlines = deadlines;
    this.#owner = owner;
  }

  /** The first try, at the endpoint that the exchange names. Nothing is sent yet. */
  begin(head: MessageHead): UpstreamRequest {
    const { route, method, cluster, host, version, fellBack } = this.#exchange;
    this.#version = versionTo(cluster!, version);
    this.#wasUnseen = false;
    const upstream = takeConnection(cluster!, host!, this.#shared, this.#version, this.#exchange.client);
    this.upstream = upstream;
    const { retry, fallback } = route!.config;
    const again = retry !== null && !fellBack && (retry.methods === null || retry.methods.includes(method));
    this.#policy = again ? retry : null;
    this.#perTryMs = retry === null ? 0 : retry.perTryTimeoutMs;
    const keep = again || upstream.mayGoUnseen || (fallback !== null && !fellBack);
    this.#replay.begin(keep && head.contentLength <= limits.replayBytes);
    upstream.begin(this.#owner, this.#replay);
    return upstream;
  }

  /** What the endpoint is told of the time it has; 0: nothing. */
  get expectedMs(): number {
    return this.#perTryMs > 0 ? this.#perTryMs : this.#exchange.route!.config.timeoutMs;
  }

  /** The try at hand is not the first one. */
  get isRetry(): boolean {
    return this.#made > 0;
  }

  /** The try at hand has a connection, and not only the wish for one. */
  get isConnected(): boolean {
    return this.upstream?.isConnected === true;
  }

  /** The request is sent to its end. */
  onRequestEnd(): void {
    if (this.#perTryMs === 0) return;
    this.#perTry ??= new Deadline(() => this.#onTryTimeout());
    this.#deadlines.arm(this.#perTry, this.#perTryMs);
  }

  #onTryTimeout(): void {
    this.#exchange.cluster!.stats.rqPerTryTimeout.value++;
    this.#exchange.onTimeout(this.isConnected);
    this.abort();
    if (!this.#another('reset')) this.#owner.giveUp(localReplies.perTryTimeout);
  }

  /** Lets the try at hand go. */
  abort(): void {
    const { upstream } = this;
    if (upstream === null) return;
    this.upstream = null;
    this.#exchange.cluster!.stats.rqTxReset.value++;
    upstream.abort();
  }

  /** The try at hand ended without an answer. True: another one follows. @param reply what would be said of it */
  takesEnd(end: TryEnd, reply: LocalReply): boolean {
    this.upstream = null;
    this.#perTry?.disarm();
    if (end === 'unprocessed' && !this.#wasUnseen && this.#canStartAnew) {
      // nobody saw the request, so this is still the same try
      this.#wasUnseen = true;
      const { cluster, host } = this.#exchange;
      this.#exchange.endTry();
      this.#try(cluster!, host!);
      return true;
    }
    if (reply === localReplies.ownShortage) this.#exchange.onOwnShortage();
    else this.#exchange.onFailure(end !== 'no-connection');
    return this.#another(end);
  }

  #another(end: TryEnd): boolean {
    const policy = this.#policy;
    if (policy !== null && retriesEnd(policy, end) && this.#plan(policy)) return true;
    return this.#fallsBack('5xx');
  }

  /** An answer begins. True: it is not passed on, another try follows. */
  takesAnswer(head: MessageHead): boolean {
    this.#perTry?.disarm();
    const policy = this.#policy;
    if (policy !== null && retriesAnswer(policy, head)) {
      if (this.#plan(policy)) {
        this.upstream = null;
        return true;
      }
    } else if (this.#made > 0 && !this.#exchange.fellBack) this.#exchange.cluster!.stats.rqRetrySuccess.value++;
    if (head.status >= 500 && this.#fallsBack('5xx', takeConnection)) return true;
    // what has begun to be answered is never tried again
    this.#policy = null;
    this.#replay.drop();
    return false;
  }

  /** The request is over, whatever became of it. */
  end(): void {
    this.upstream?.abort();
    this.upstream = null;
    this.#replay.drop();
    this.#perTry?.disarm();
    if (this.#made === 0) return;
    this.#made = 0;
    this.#backoff?.disarm();
    this.#discharge();
  }

  get #canReplay(): boolean {
    return this.#replay.whole && this.#owner.requestComplete;
  }

  /** A request that is still coming goes on where it was, which in HTTP/1.1 its framing does not allow. */
  get #canStartAnew(): boolean {
    return this.#replay.whole && (this.#version === 'HTTP/2' || this.#owner.requestComplete);
  }

  #plan(policy: RetryConfig): boolean {
    const exchange = this.#exchange;
    const cluster = exchange.cluster!;
    this.#discharge();
    if (this.#made === policy.attempts) {
      cluster.stats.rqRetryLimitExceeded.value++;
      exchange.retryFlag = 'URX';
      return false;
    }
    if (!this.#canReplay) return false;
    if (!cluster.mayRetry) {
      cluster.stats.rqRetryOverflow.value++;
      exchange.retryFlag = 'UO';
      return false;
    }
    this.#made++;
    cluster.retries++;
    this.#charged = cluster;
    cluster.stats.rqRetry.value++;
    cluster.stats.rqRetryBackoff.value++;
    exchange.ask.notAgain(exchange.host!, policy.hostSelections);
    exchange.endTry();
    this.#backoff ??= new Deadline(() => this.#onBackoff());
    this.#deadlines.arm(this.#backoff, backoffMs(policy.backoff, this.#made, this.#shared.random()));
    return true;
  }

  #onBackoff(): void {
    const cluster = this.#exchange.cluster!;
    const host = cluster.pick(this.#exchange.ask);
    if (host !== null) {
      if (admits(cluster, host, this.#version, this.#exchange.client)) this.#try(cluster, host);
      else this.#owner.giveUp(localReplies.overflow);
      return;
    }
    cluster.stats.cxNoneHealthy.value++;
    if (!this.#fallsBack('any')) this.#owner.giveUp(localReplies.noHealthyUpstream);
  }

  /**
   * What was kept of the request goes to the fallback, if that can take it. False: what is there is the answer.
   * @param connect from the pool only in the callback of what was read: elsewhere an answer may come in the same turn
   */
  #fallsBack(on: Parameters<typeof fallbackOf>[3], connect = freshConnection): boolean {
    const exchange = this.#exchange;
    const cluster = fallbackOf(exchange, exchange.cluster!, this.#shared, on);
    if (cluster === null || !this.#canReplay || versionTo(cluster, exchange.version) !== this.#version) return false;
    exchange.ask.leave();
    const host = cluster.pick(exchange.ask);
    if (host === null) {
      cluster.stats.cxNoneHealthy.value++;
      return false;
    }
    if (!admits(cluster, host, this.#version, exchange.client)) return false;
    this.#discharge();
    this.#policy = null;
    this.#wasUnseen = false;
    exchange.endTry();
    exchange.fellBack = true;
    exchange.retryFlag = '';
    this.#send(cluster, host, connect(cluster, host, this.#shared, this.#version, exchange.client));
    return true;
  }

  /** On a connection of its own: where one from the pool had ended, the others may have, too. */
  #try(cluster: Cluster, host: Host): void {
    this.#send(cluster, host, freshConnection(cluster, host, this.#shared, this.#version, this.#exchange.client));
  }

  #send(cluster: Cluster, host: Host, upstream: UpstreamRequest): void {
    this.#exchange.sentTo(cluster, host);
    this.upstream = upstream;
    upstream.begin(this.#owner, this.#replay);
    upstream.resend(this.#replay, this.#leftMs());
    if (this.#owner.requestComplete) this.onRequestEnd();
  }

  /** What this try may take: a try's time, or what is left of the route's if that is less. */
  #leftMs(): number {
    const { whole } = this.#deadlines;
    // until the request is whole its own time runs there, not the answer's
    if (!this.#owner.requestComplete) return this.expectedMs;
    if (whole.queue === null) return this.#perTryMs;
    const leftMs = Math.max(1, Math.round(whole.atMs - this.#shared.now()));
    return this.#perTryMs > 0 ? Math.min(this.#perTryMs, leftMs) : leftMs;
  }

  #discharge(): void {
    if (this.#charged !== null) this.#charged.retries--;
    this.#charged = null;
  }
}
