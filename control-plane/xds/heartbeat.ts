/**
 * Times to live: what a client holds is confirmed three times in each, whether or not there is news (case 70). Nothing
 * holds a heartbeat back but the transport, and none is kept for a client that does not read: the next one says the same.
 */
import type { EncodedResource, TypeSnapshot } from '../snapshot/snapshot.ts';
import { type Content, type Good, type TypeState, versionOf, wantedOf } from './type-state.ts';

const beatsPerLife = 3;

/** When the next heartbeat of the type is due; undefined: it needs none. */
export function heartbeatAtMs(state: TypeState): number | undefined {
  const { refreshedAtMs } = state;
  const held = heldBy(state);
  if (held === undefined || refreshedAtMs === undefined) return undefined;
  const isEmpty = held.told.resources.size === 0 && state.lingering.size === 0;
  return isEmpty || held.told.ttlMs === 0 ? undefined : refreshedAtMs + held.told.ttlMs / beatsPerLife;
}

/** What is confirmed now. Undefined: the client holds nothing of the type. */
export function heartbeatOf(state: TypeState): Content | undefined {
  const held = heldBy(state);
  if (held === undefined) return undefined;
  const resources = new Map<string, EncodedResource>();
  for (const resource of state.lingering.values()) if (resource !== undefined) resources.set(resource.name, resource);
  for (const resource of wantedOf(state.wanted, held.told)) {
    // asked for, and not sent yet
    if (!state.owed.has(resource.name)) resources.set(resource.name, resource);
  }
  const mortal = [...resources.values()].filter(({ ttlMs }) => ttlMs > 0);
  return mortal.length === 0 ? undefined : { version: held.version, resources: mortal, removed: [], news: [] };
}

/**
 * The state after a turn: times to live begin with the resources that carried them. `broughtAlong`: the client came
 * with resources, whose time has been running since it last heard of them, so that they are confirmed at once.
 */
export function beginLives(state: TypeState, broughtAlong: boolean, nowMs: number): TypeState {
  if ((heldBy(state)?.told.ttlMs ?? 0) === 0) {
    return state.refreshedAtMs === undefined ? state : { ...state, refreshedAtMs: undefined };
  }
  if (state.refreshedAtMs !== undefined) return state;
  return { ...state, refreshedAtMs: broughtAlong ? Number.NEGATIVE_INFINITY : nowMs };
}

/** The state after a heartbeat left. */
export function beaten(state: TypeState, nonce: string, rememberedNonces: number): TypeState {
  const heartbeats = [...state.heartbeats, { nonce, follows: state.lastSent?.nonce }].slice(-rememberedNonces);
  return { ...state, heartbeats };
}

function heldBy(state: TypeState): Good | undefined {
  if (state.told === undefined) return undefined;
  return state.rejected ? state.lastGood : goodOf(state, state.told);
}

function goodOf(state: TypeState, told: TypeSnapshot): Good {
  return { told, version: state.lastSent?.version ?? versionOf(told, state.lingering) };
}
