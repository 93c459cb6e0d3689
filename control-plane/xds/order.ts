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

/** True if no resource of another type that this stream's client may still use names what went away. */
export function mayRemove(
  type: XdsType,
  states: TypeStates,
  snapshot: View,
  nowMs: number,
  ackWaitMs: number,
): boolean {
  return namersOf[type].every((namer) => {
    const state = states.get(namer);
    if (state === undefined) return true;
    // what is on its way may still be taken, by a client that has come to want it again
    if (wantsNothing(state.wanted)) return !isAwaited(state, nowMs, ackWaitMs);
    const wasTold = state.told === seenBy(state, snapshot) && state.owed.size === 0 && state.lingering.size === 0;
    return wasTold && !state.rejected && !isAwaited(state, nowMs, ackWaitMs);
  });
}

/** The responses whose acknowledgement, or the end of the wait for it, may let removals of this type go. */
export function awaitedNamers(type: XdsType, states: TypeStates): readonly TypeState[] {
  return namersOf[type].map((namer) => states.get(namer)).filter((state) => state !== undefined);
}
