/**
 * One turn of a stream: from its types' states and the newest snapshot to what is sent now, what waits, and until when.
 * Pure; the loop in subscriber.ts carries it out.
 */
import { pushOrder, type XdsType } from '../../proto/type-urls.ts';
import type { TypeSnapshot, View } from '../snapshot/snapshot.ts';
import { isAwaited, sentOf } from './acknowledge.ts';
import { answerDelta } from './delta.ts';
import { beaten, beginLives, heartbeatAtMs, heartbeatOf } from './heartbeat.ts';
import { mayRemove, namedBy, removableAtMs, type TypeStates } from './order.ts';
import type { Variant } from './ports.ts';
import { answerSotw } from './sotw.ts';
import { type Answer, type Content, noVersions, seenBy, type TypeState, withoutNames } from './type-state.ts';
import { addedBy, askedInVain, clustersAwaitedUntil, owedAfterClusters, owedAtFirst, warmingUntil } from './warming.ts';

export interface TurnInput {
  readonly variant: Variant;
  /** Resources may expire at this client, and it takes heartbeats. */
  readonly takesTtl: boolean;
  readonly states: TypeStates;
  readonly snapshot: View;
  readonly nowMs: number;
  /** How long an un-ACKed response holds back what follows. */
  readonly ackWaitMs: number;
  /** How long an un-ACKed response holds back the removal of what it may have been the last to name. */
  readonly removalWaitMs: number;
  /** The client asks anew, coming from another stream, for all that it holds before it reads an answer. */
  readonly asksAtOnce: boolean;
  /** Types whose last response the transport has not taken yet. */
  readonly writing: Pick<ReadonlySet<XdsType>, 'has'>;
  /** Responses sent on this stream so far; nonces count on from here. */
  readonly responses: number;
  /** Nonces remembered of a type. */
  readonly unackedNonces: number;
}

export type Effect =
  | { readonly kind: 'send'; readonly type: XdsType; readonly nonce: string; readonly content: Content }
  | { readonly kind: 'heartbeat'; readonly type: XdsType; readonly nonce: string; readonly content: Content }
  /** The type moved on without a word; see StreamObserver.current. */
  | { readonly kind: 'current'; readonly type: XdsType; readonly version: string }
  /** Something of this version is held back; see StreamObserver.waiting. */
  | { readonly kind: 'waiting'; readonly type: XdsType; readonly version: string };

export interface Turn {
  readonly states: TypeStates;
  /** In the order in which they happen. */
  readonly effects: readonly Effect[];
  /** When the next turn is due if nothing else happens before. */
  readonly wakeAtMs: number | undefined;
  /** Another turn is due once the transport has taken what is being written. */
  readonly heldByTransport: boolean;
}

/** Nothing but names of a stale request: the answer to the newest response will bring them again (case 33). */
function isKnown({ told }: TypeState, news: Content['news']): boolean {
  return news.length > 0 && news.every(({ name, version }) => told?.resources.get(name)?.version === version);
}

const answers = { sotw: answerSotw, delta: answerDelta } as const;

export function takeTurn(input: TurnInput): Turn {
  const { snapshot, nowMs, ackWaitMs } = input;
  const answer = answers[input.variant];
  const states = new Map(input.states);
  const effects: Effect[] = [];
  const held = new Set<XdsType>();
  let responses = input.responses;
  let wakeAtMs = Number.POSITIVE_INFINITY;
  let heldByTransport = false;

  /** Of the state that it was worked out for, as if everything that went away could be removed. */
  const firstAnswers = new Map<TypeState, Answer>();

  endpointsBegin();
  // first, whatever says nothing new to this client: it stands in nobody's way
  for (const [type, state] of states) {
    const seen = seenBy(state, snapshot);
    const first = answer(state, seen, true);
    const { state: after, content } = first;
    if (content !== undefined) firstAnswers.set(state, first);
    if (content !== undefined || after === state) continue;
    states.set(type, after);
    if (after.told !== state.told) effects.push({ kind: 'current', type, version: seen.version });
  }

  for (const type of pushOrder) {
    const before = states.get(type);
    if (before === undefined) continue;
    const seen = seenBy(before, snapshot);
    const { version } = seen;
    const removable = mayRemove(type, states, input);
    const { state: after, content } = answerNow(before, seen, removable);
    if (content === undefined) {
      states.set(type, after);
    } else if (isHeldBack(before, content)) {
      held.add(type);
      effects.push({ kind: 'waiting', type, version });
    } else {
      const nonce = String(++responses);
      const told = input.takesTtl && after.told !== undefined && after.told.ttlMs > 0 ? after.told : undefined;
      const sent = { nonce, version: content.version, sentAtMs: nowMs, told };
      states.set(type, sentOf(after, sent, input.unackedNonces));
      effects.push({ kind: 'send', type, nonce, content });
      if (type === 'clusters') clustersLeft(before, content);
    }
  }
  // removals that are held back, once it is known what they wait for
  for (const [type, state] of states) {
    if (state.lingering.size === 0) continue;
    effects.push({ kind: 'waiting', type, version: seenBy(state, snapshot).version });
    wakeAtMs = Math.min(wakeAtMs, removableAtMs(type, states, input) ?? wakeAtMs);
  }
  endpointsBegan();
  if (input.takesTtl) for (const type of pushOrder) keepAlive(type);
  return { states, effects, wakeAtMs: Number.isFinite(wakeAtMs) ? wakeAtMs : undefined, heldByTransport };

  function answerNow(state: TypeState, seen: TypeSnapshot, removable: boolean): Answer {
    const later = state.type === 'endpoints' ? askedInVain(state, states.get('clusters'), snapshot) : [];
    if (later.length === 0) return (removable ? firstAnswers.get(state) : undefined) ?? answer(state, seen, removable);
    const { state: after, content } = answer(withoutNames(state, later), seen, removable);
    return { state: { ...after, wanted: state.wanted, owed: new Set([...after.owed, ...later]) }, content };
  }

  function isHeldBack(state: TypeState, { news }: Content): boolean {
    const { type } = state;
    if (input.writing.has(type)) return (heldByTransport = true);
    if (isAwaited(state, nowMs, ackWaitMs)) {
      wakeAfter(state);
      return true;
    }
    if (state.isStale && isKnown(state, news)) return true;
    if (namedBy[type].some((named) => held.has(named))) return true;
    // a client that has nothing of this type yet does not use it yet either
    if ((state.told === undefined && !state.returning) || !namedBy[type].includes('clusters')) return false;
    const clustersMs = clustersAwaitedUntil(state, states, snapshot, nowMs, ackWaitMs);
    if (clustersMs !== undefined) states.set(type, { ...state, heldSinceMs: state.heldSinceMs ?? nowMs });
    const untilMs = clustersMs ?? warmingUntil(news, type, states, snapshot, nowMs);
    if (untilMs === undefined) return false;
    wakeAtMs = Math.min(wakeAtMs, untilMs);
    return true;
  }

  function keepAlive(type: XdsType): void {
    const after = states.get(type);
    if (after === undefined) return;
    const before = input.states.get(type);
    const broughtAlong = before?.told === undefined && (before?.initialVersions.size ?? 0) > 0;
    const state = beginLives(after, broughtAlong, nowMs);
    states.set(type, state);
    const atMs = heartbeatAtMs(state);
    if (atMs === undefined) return;
    const isSent = effects.some((effect) => effect.kind === 'send' && effect.type === type);
    if (atMs > nowMs) {
      wakeAtMs = Math.min(wakeAtMs, atMs);
    } else if (isSent || input.writing.has(type)) {
      heldByTransport = true;
    } else {
      beat(state);
    }
  }

  function beat(state: TypeState): void {
    const { type } = state;
    const content = heartbeatOf(state);
    let after: TypeState = { ...state, refreshedAtMs: nowMs };
    if (content !== undefined) {
      const nonce = String(++responses);
      after = beaten(after, nonce, input.unackedNonces);
      effects.push({ kind: 'heartbeat', type, nonce, content });
    }
    states.set(type, after);
    const nextMs = heartbeatAtMs(after);
    if (nextMs !== undefined) wakeAtMs = Math.min(wakeAtMs, nextMs);
  }

  function clustersLeft(before: TypeState, content: Content): void {
    const after = states.get('clusters');
    if (after !== undefined) {
      states.set('clusters', { ...after, added: addedBy(before, content, nowMs, ackWaitMs) });
    }
    const endpoints = states.get('endpoints');
    if (endpoints !== undefined) {
      const toldBefore = input.states.get('endpoints')?.told !== undefined;
      states.set('endpoints', owedAfterClusters(endpoints, toldBefore, before, content, snapshot));
    }
  }

  function endpointsBegin(): void {
    const endpoints = states.get('endpoints');
    const clusters = states.get('clusters');
    if (endpoints === undefined || endpoints.told !== undefined || clusters === undefined) return;
    states.set('endpoints', owedAtFirst(endpoints, clusters, snapshot));
  }

  function endpointsBegan(): void {
    const clusters = states.get('clusters');
    if (clusters === undefined || clusters.initialVersions.size === 0) return;
    if (states.get('endpoints')?.told === undefined) return;
    states.set('clusters', { ...clusters, initialVersions: noVersions });
  }

  function wakeAfter({ unacked }: TypeState): void {
    const newest = unacked.at(-1);
    const atMs = newest === undefined ? nowMs : newest.sentAtMs + ackWaitMs;
    if (atMs > nowMs) wakeAtMs = Math.min(wakeAtMs, atMs);
  }
}
