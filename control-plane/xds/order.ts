/**
 * Make before break, on one aggregated stream: what is named goes out before what names it, and what went away is
 * removed only after nothing that the client holds names it any more (cases 45, 46).
 */
import type { XdsType } from '../../proto/type-urls.ts';
import type { View } from '../snapshot/snapshot.ts';
import { isAwaited } from './acknowledge.ts';
import { seenBy, type TypeState, wantsNothing } from './type-state.ts';

/** Types that this one names: while one of them is held back, so is this. Endpoints wait for nobody (case 48). */
export const namedBy: Readonly<Record<XdsType, readonly XdsType[]>> = {
  clusters: [],
  endpoints: [],
  listeners: ['clusters', 'endpoints'],
  routes: ['clusters', 'endpoints'],
  scopedRoutes: ['routes'],
  virtualHosts: ['clusters', 'endpoints'],
  secrets: [],
  runtimes: [],
  extensionConfigs: ['clusters', 'endpoints'],
};

/** Types that name this one: removals wait until the client has taken their newest state. */
const namersOf: Readonly<Record<XdsType, readonly XdsType[]>> = {
  clusters: ['listeners', 'routes', 'virtualHosts', 'extensionConfigs'],
  endpoints: ['clusters'],
  listeners: [],
  routes: ['listeners', 'scopedRoutes'],
  scopedRoutes: [],
  virtualHosts: ['routes'],
  secrets: ['clusters', 'listeners'],
  runtimes: [],
  extensionConfigs: ['listeners'],
};

export type TypeStates = ReadonlyMap<XdsType, TypeState>;

/** What removals depend on beside the states. */
export interface Removal {
  readonly snapshot: View;
  readonly nowMs: number;
  /** How long a client that answers nothing keeps what went away. */
  readonly removalWaitMs: number;
  /** The client asks anew for all that it holds before it reads an answer. */
  readonly asksAtOnce: boolean;
}

/** True if no resource of another type that this stream's client may still use names what went away. */
export function mayRemove(type: XdsType, states: TypeStates, removal: Removal): boolean {
  const { snapshot, nowMs, removalWaitMs } = removal;
  if (mayHoldMore(type, states, removal)) return false;
  return namersOf[type].every((namer) => {
    const state = states.get(namer);
    if (state === undefined) return true;
    // what is on its way may still be taken, by a client that has come to want it again
    if (wantsNothing(state.wanted)) return !isAwaited(state, nowMs, removalWaitMs);
    const wasTold = state.told === seenBy(state, snapshot) && state.owed.size === 0 && state.lingering.size === 0;
    return wasTold && !state.rejected && !isAwaited(state, nowMs, removalWaitMs);
  });
}

/**
 * True while a client that comes from another stream may not have said yet which other types it holds: its requests come
 * one by one, and a busy machine lets time pass between them. Its first answer shows that all of them are here.
 */
function mayHoldMore(type: XdsType, states: TypeStates, { nowMs, removalWaitMs, asksAtOnce }: Removal): boolean {
  const state = states.get(type);
  // who asks for everything is sure to be sent something to answer
  if (!asksAtOnce || !state?.returning || !state.wanted.wildcard) return false;
  for (const { answered } of states.values()) if (answered) return false;
  const [oldest] = state.unacked;
  return oldest === undefined || nowMs - oldest.sentAtMs < removalWaitMs;
}

/** When removals of this type may go although nobody answers; undefined: nothing that was sent is waited for. */
export function removableAtMs(
  type: XdsType,
  states: TypeStates,
  { nowMs, removalWaitMs, asksAtOnce }: Omit<Removal, 'snapshot'>,
): number | undefined {
  const own = asksAtOnce ? states.get(type)?.unacked[0] : undefined;
  const namers = namersOf[type].map((namer) => states.get(namer)?.unacked.at(-1));
  const ends = [own, ...namers].flatMap((sent) => (sent === undefined ? [] : [sent.sentAtMs + removalWaitMs]));
  const ahead = ends.filter((endMs) => endMs > nowMs);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}
