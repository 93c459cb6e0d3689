/**
 * Where nodes serve, as it is remembered: a plain value, changed by pure functions. What a node says counts at once; its
 * silence does not (docs/decisions/2026-11-22-nodes-as-endpoints.md).
 */
import type { Placement } from '../model/placements.ts';
import { keyOf } from './node-key.ts';

/** A node, and where others reach what it serves. */
export interface Place {
  readonly group: string;
  /** Its id. */
  readonly node: string;
  readonly zone: string;
  readonly listeners: readonly ListenerPlace[];
}

export interface ListenerPlace {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** A node that is connected, and serves. */
export interface Sighting extends Place {
  /** It serves what it has, and wants no more. */
  readonly draining: boolean;
}

interface Remembered extends Place {
  /** `lost`: it did not say that it goes, and is not there. */
  readonly is: 'serving' | 'draining' | 'lost';
  /** Of a lost one: when that was seen. */
  readonly sinceMs: number;
}

export interface Places {
  /** By key of the node. */
  readonly nodes: ReadonlyMap<string, Remembered>;
  /** By group and listener: since when a node that wants flows has served it. */
  readonly servedSinceMs: ReadonlyMap<string, number>;
}

/** What was known before this process began: nobody has been seen yet. */
export function recalled(places: readonly Place[], nowMs: number): Places {
  const nodes = places.map((place): [string, Remembered] => {
    return [keyOf(place.node, place.group), { ...place, is: 'lost', sinceMs: nowMs }];
  });
  return { nodes: new Map(nodes), servedSinceMs: new Map() };
}

/** `isOut`: a node that shall drain, or has said that it goes: it is not waited for. */
export function afterLook(
  before: Places,
  seen: readonly Sighting[],
  isOut: (node: Place) => boolean,
  nowMs: number,
  graceMs: number,
): Places {
  const nodes = new Map<string, Remembered>();
  const servedSinceMs = new Map<string, number>();
  const taken = new Set<string>();
  for (const { draining, ...place } of seen) {
    nodes.set(keyOf(place.node, place.group), { ...place, is: draining ? 'draining' : 'serving', sinceMs: nowMs });
    for (const listener of place.listeners) {
      const key = listenerKey(place.group, listener.name);
      taken.add(`${key} ${socketOf(listener)}`);
      if (!draining) servedSinceMs.set(key, before.servedSinceMs.get(key) ?? nowMs);
    }
  }
  for (const [key, known] of before.nodes) {
    if (nodes.has(key) || known.is === 'draining' || isOut(known)) continue;
    const sinceMs = known.is === 'lost' ? known.sinceMs : nowMs;
    const listeners = known.listeners.filter((listener) => {
      const key = listenerKey(known.group, listener.name);
      const untilMs = waitedForUntilMs(sinceMs, servedSinceMs.get(key), graceMs);
      return nowMs < untilMs && !taken.has(`${key} ${socketOf(listener)}`);
    });
    if (listeners.length > 0) nodes.set(key, { ...known, listeners, is: 'lost', sinceMs });
  }
  return { nodes, servedSinceMs };
}

/** When the next lost node is waited for no longer, if nothing happens meanwhile; undefined: none ever. */
export function nextChangeMs({ nodes, servedSinceMs }: Places, graceMs: number): number | undefined {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const { group, is, sinceMs, listeners } of nodes.values()) {
    if (is !== 'lost') continue;
    for (const { name } of listeners) {
      nextMs = Math.min(nextMs, waitedForUntilMs(sinceMs, servedSinceMs.get(listenerKey(group, name)), graceMs));
    }
  }
  return Number.isFinite(nextMs) ? nextMs : undefined;
}

/** By `listenerKey`, in the order of address and port. */
export function placementsOf({ nodes }: Places): Map<string, Placement[]> {
  const bySocket = new Map<string, Map<string, Placement>>();
  for (const { group, node, zone, is, listeners } of nodes.values()) {
    for (const listener of listeners) {
      const key = listenerKey(group, listener.name);
      const all = bySocket.get(key) ?? new Map<string, Placement>();
      bySocket.set(key, all);
      const socket = socketOf(listener);
      // two ids at one address: the one that takes flows counts
      if (all.get(socket)?.draining === false) continue;
      const { address, port } = listener;
      all.set(socket, { node, address, port, zone, draining: is === 'draining' });
    }
  }
  return new Map(Array.from(bySocket, ([key, all]) => [key, [...all.values()].sort(byAddressAndPort)]));
}

export function listenerKey(group: string, listener: string): string {
  return JSON.stringify([group, listener]);
}

/** The wait begins when somebody else serves: until then a lost node is better than none. */
function waitedForUntilMs(lostMs: number, servedSinceMs: number | undefined, graceMs: number): number {
  return servedSinceMs === undefined ? Number.POSITIVE_INFINITY : Math.max(lostMs, servedSinceMs) + graceMs;
}

function socketOf({ address, port }: ListenerPlace): string {
  return `${address} ${port}`;
}

function byAddressAndPort(a: Placement, b: Placement): number {
  return a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port;
}
