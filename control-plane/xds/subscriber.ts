/** One subscriber's stream at work: this loop alone owns its state, and every event that may lead to an answer ends in a turn. */
import type { XdsType } from '../../proto/type-urls.ts';
import { emptySnapshot } from '../snapshot/build.ts';
import type { SnapshotSource, View } from '../snapshot/snapshot.ts';
import type { Heard } from './acknowledge.ts';
import { type ResourceStatus, statusesOf } from './client-status.ts';
import { afterAck, afterNack, afterSent, type Deliveries, noDeliveries } from './deliveries.ts';
import { hearDelta } from './delta.ts';
import type { FanOut, Pumped } from './fan-out.ts';
import type { InFlight } from './in-flight.ts';
import { limits } from './limits.ts';
import type { TypeStates } from './order.ts';
import type { StreamInfo, StreamObserver, Timers } from './ports.ts';
import type { DeltaRequest, SotwRequest } from './requests.ts';
import { type Response, responseOf } from './responses.ts';
import { hearSotw } from './sotw.ts';
import { type Effect, takeTurn } from './turn.ts';
import { seenBy } from './type-state.ts';

export interface SubscriberPorts {
  readonly source: SnapshotSource;
  readonly observer: StreamObserver;
  readonly timers: Timers;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly fanOut: FanOut;
  readonly inFlight: InFlight;
  /** Hands a response to the transport; `taken` is called once it left this process. */
  readonly write: (response: Response, taken: () => void) => void;
  /** Called once: the client has acknowledged, or was not owed, all that it asked for first. */
  readonly joined: () => void;
  /** Called if a turn throws, which is a fault of this server: the stream has to end. */
  readonly fail: (error: unknown) => void;
}

export class Subscriber implements Pumped {
  readonly info: StreamInfo;
  readonly #ports: SubscriberPorts;
  readonly #unwatch: () => void;
  #states: TypeStates = new Map();
  readonly #deliveries = new Map<XdsType, Deliveries>();
  #responses = 0;
  /** Types whose last response the transport has not taken yet, and what to call when it has. */
  readonly #writing = new Map<XdsType, () => void>();
  /** Types of which something is held back. */
  readonly #waiting = new Set<XdsType>();
  #heldByTransport = false;
  #joined = false;
  #cancelWake: (() => void) | undefined;
  #wakeAtMs: number | undefined;
  #closed = false;
  /** The group was there when this stream had a turn. */
  #wasServed = false;

  constructor(info: StreamInfo, ports: SubscriberPorts) {
    this.info = info;
    this.#ports = ports;
    this.#unwatch = ports.source.watch(info.node.group, () => this.#ports.fanOut.schedule(this));
    ports.observer.opened(info);
  }

  hearSotw(type: XdsType, request: SotwRequest): void {
    this.#apply(type, hearSotw(type, this.#states.get(type), request), request.error);
  }

  hearDelta(type: XdsType, request: DeltaRequest): void {
    this.#apply(type, hearDelta(type, this.#states.get(type), request), request.error);
  }

  /** True if the client has asked for anything of the type on this stream. */
  asked(type: XdsType): boolean {
    return this.#states.has(type);
  }

  /** What the client has of a type, for client status. */
  statuses(type: XdsType): Iterable<ResourceStatus> {
    const state = this.#states.get(type);
    if (state === undefined) return [];
    const current = this.#view()?.types[type];
    return statusesOf(state, this.#deliveriesOf(type), current);
  }

  #deliveriesOf(type: XdsType): Deliveries {
    return this.#deliveries.get(type) ?? noDeliveries;
  }

  #apply(type: XdsType, { state, verdict }: Heard, error: string | undefined): void {
    const before = this.#states.get(type);
    this.#states = new Map(this.#states).set(type, state);
    if (verdict !== undefined) {
      const { nonce, version } = verdict.response;
      const deliveries = this.#deliveriesOf(type);
      if (verdict.kind === 'ack') {
        this.#deliveries.set(type, afterAck(deliveries, nonce));
        this.#ports.observer.acked(this.info, type, version, nonce);
      } else {
        const reason = (error ?? '').slice(0, limits.refusalLength).toWellFormed();
        this.#deliveries.set(type, afterNack(deliveries, nonce, reason, this.#ports.now()));
        this.#ports.observer.nacked(this.info, type, version, nonce, error ?? '');
      }
    }
    // most answers: the client has what it asked for, and nothing waits for this one
    const asksAsBefore = before !== undefined && before.wanted === state.wanted && before.told === state.told;
    if (!(asksAsBefore && this.#joined && this.#isSettled())) this.#ports.fanOut.schedule(this);
  }

  /** Nothing is held back or owed. */
  #isSettled(): boolean {
    if (this.#waiting.size > 0) return false;
    for (const { told, owed, lingering } of this.#states.values()) {
      if (told === undefined || owed.size > 0 || lingering.size > 0) return false;
    }
    return true;
  }

  /** Takes one turn. Called by the fan-out only. */
  pump(): void {
    if (this.#closed) return;
    const snapshot = this.#view();
    try {
      // a group that does not exist yet: quiet, and answered when it appears (case 11)
      if (snapshot !== undefined) this.#turn(snapshot);
    } catch (error) {
      this.#ports.fail(error);
      return;
    }
    if (!this.#joined && this.#isCurrent()) {
      this.#joined = true;
      this.#ports.joined();
    }
  }

  #isCurrent(): boolean {
    return this.#waiting.size === 0 && [...this.#states.values()].every(({ unacked }) => unacked.length === 0);
  }

  /** What its group is served, in the form that it takes; of one that is no more, nothing. */
  #view(): View | undefined {
    const served = this.#ports.source.get(this.info.node.group);
    this.#wasServed ||= served !== undefined;
    if (!this.#wasServed) return undefined;
    const snapshot = served ?? emptySnapshot;
    return this.info.hostsApart ? { types: snapshot.hostsApart } : snapshot;
  }

  #turn(snapshot: View): void {
    const turn = takeTurn({
      variant: this.info.variant,
      takesTtl: this.info.takesTtl,
      states: this.#states,
      snapshot,
      nowMs: this.#ports.timers.now(),
      ackWaitMs: limits.ackWaitMs,
      removalWaitMs: limits.removalWaitMs,
      // Envoy does, and our node; nobody else takes hosts apart
      asksAtOnce: this.info.hostsApart,
      writing: this.#writing,
      responses: this.#responses,
      unackedNonces: limits.unackedNonces,
    });
    this.#states = turn.states;
    this.#heldByTransport = turn.heldByTransport;
    this.#wake(turn.wakeAtMs);
    const waited = [...this.#waiting];
    this.#waiting.clear();
    for (const effect of turn.effects) this.#carryOut(effect);
    // what waited and is no longer needed: the change was taken back
    for (const type of waited) {
      if (turn.effects.some((effect) => effect.type === type && effect.kind !== 'heartbeat')) continue;
      const state = this.#states.get(type);
      if (state === undefined) continue;
      this.#ports.observer.current(this.info, type, seenBy(state, snapshot).version);
    }
  }

  #carryOut(effect: Effect): void {
    const { observer } = this.#ports;
    const { type } = effect;
    if (effect.kind === 'current') {
      observer.current(this.info, type, effect.version);
    } else if (effect.kind === 'waiting') {
      this.#waiting.add(type);
      observer.waiting(this.info, type, effect.version);
    } else {
      const { variant, takesTtl } = this.info;
      const isHeartbeat = effect.kind === 'heartbeat';
      const form = isHeartbeat ? 'heartbeat' : takesTtl ? 'expiring' : 'plain';
      const response = responseOf(variant, type, effect.nonce, effect.content, form);
      this.#responses += 1;
      this.#write(type, response);
      // it brings no version that a node could be behind with, and nothing that it could refuse
      if (isHeartbeat) return;
      const sent = afterSent(this.#deliveriesOf(type), effect.nonce, effect.content, limits.unackedNonces);
      this.#deliveries.set(type, sent);
      observer.sent(this.info, type, effect.content.version, effect.nonce, response.bytes);
    }
  }

  #write(type: XdsType, response: Response): void {
    this.#writing.set(type, this.#ports.inFlight.begin(response.bytes));
    this.#ports.write(response, () => {
      this.#writing.get(type)?.();
      this.#writing.delete(type);
      if (this.#heldByTransport && !this.#closed) this.#ports.fanOut.schedule(this);
    });
  }

  #wake(atMs: number | undefined): void {
    if (atMs === this.#wakeAtMs) return;
    this.#cancelWake?.();
    this.#wakeAtMs = atMs;
    this.#cancelWake = undefined;
    if (atMs === undefined) return;
    this.#cancelWake = this.#ports.timers.after(atMs - this.#ports.timers.now(), () => {
      this.#wakeAtMs = undefined;
      this.#ports.fanOut.schedule(this);
    });
  }

  /** Lets go of everything; nothing is sent afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    this.#cancelWake?.();
    this.#ports.fanOut.cancel(this);
    for (const left of this.#writing.values()) left();
    this.#ports.observer.closed(this.info);
  }
}
