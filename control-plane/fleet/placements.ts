/** Where the nodes of the whole fleet serve, kept in step with what they say, and over restarts of the control plane. */
import type { Placement, Placements } from '../model/placements.ts';
import type { PlaceRow, Store } from '../store/store.ts';
import { type AttemptLogger, Attempts } from './attempts.ts';
import type { FleetChange } from './fleet.ts';
import { limits } from './limits.ts';
import { keyOf } from './node-key.ts';
import { Paced, type Timers } from './paced.ts';
import { afterLook, listenerKey, nextChangeMs, type Place, type Places, placementsOf, recalled } from './places.ts';
import type { FleetView } from './shared-fleet.ts';
import { hasLeft, sightingsOf } from './sightings.ts';

export interface NodePlacementsOptions {
  readonly fleet: FleetView;
  /** True for a node whose streams are at this replica, by id and group. */
  readonly isOwn: (node: string, group: string) => boolean;
  /** Nodes that shall drain. */
  readonly drains: { has(node: string): boolean; onChange(listener: () => void): () => void };
  readonly store: Pick<Store, 'documents' | 'subscribe' | 'places'>;
  readonly timers: Timers;
  readonly logger: AttemptLogger;
}

export class NodePlacements implements Placements {
  readonly #options: NodePlacementsOptions;
  readonly #looking: Paced;
  readonly #writing: Paced;
  readonly #attempts: Attempts;
  readonly #listeners = new Set<() => void>();
  #places: Places = recalled([], 0);
  #placed: ReadonlyMap<string, readonly Placement[]> = new Map();
  /** What the table holds, as far as this replica knows: JSON by key of the node. */
  #written = new Map<string, string>();
  #cancelNext: () => void = () => {};
  #unsubscribe: (() => void)[] = [];

  constructor(options: NodePlacementsOptions) {
    const { timers, logger } = options;
    this.#options = options;
    this.#attempts = new Attempts(logger);
    this.#looking = new Paced(async () => this.#look(), limits.placementPace, timers);
    this.#writing = new Paced(() => this.#attemptWrite(), limits.placeWritePace, timers);
  }

  /** Goes on with what was known last. Rejects with StoreError. */
  async start(): Promise<void> {
    const { fleet, drains, store, timers } = this.#options;
    const rows = await store.places.list();
    // what is in the table was written as such by a replica whose database this version may open
    this.#places = recalled(
      rows.map(({ place }) => place as Place),
      timers.now(),
    );
    this.#written = new Map(rows.map(({ group, node, place }) => [keyOf(node, group), JSON.stringify(place)]));
    this.#look();
    const request = (): void => this.#looking.request();
    this.#unsubscribe = [
      fleet.subscribe((change) => isOfPlaces(change) && request()),
      store.subscribe((_revision, changed) => changed.some(({ kind }) => kind === 'Listener') && request()),
      drains.onChange(request),
    ];
  }

  async close(): Promise<void> {
    this.#cancelNext();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await Promise.all([this.#looking.close(), this.#writing.close()]);
  }

  of(group: string, listener: string): readonly Placement[] {
    return this.#placed.get(listenerKey(group, listener)) ?? nowhere;
  }

  /** True while others are told to send new flows to the node. */
  isOffered(node: string, group: string): boolean {
    return this.#places.nodes.get(keyOf(node, group))?.is === 'serving';
  }

  /** Returns the unsubscribe function. */
  onMoved(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  #look(): void {
    const { fleet, drains, store, timers } = this.#options;
    const nowMs = timers.now();
    const nodes = fleet.list();
    const left = new Set(nodes.filter(hasLeft).map(({ id, group }) => keyOf(id, group)));
    const seen = sightingsOf(nodes, store.documents, (node) => drains.has(node));
    const isOut = ({ node, group }: Place): boolean => drains.has(node) || left.has(keyOf(node, group));
    this.#places = afterLook(this.#places, seen, isOut, nowMs, limits.lostNodeMs);
    this.#cancelNext();
    const nextMs = nextChangeMs(this.#places, limits.lostNodeMs);
    if (nextMs !== undefined) {
      this.#cancelNext = timers.after(Math.max(0, nextMs - nowMs), () => this.#looking.request());
    }
    const placed = new Map<string, readonly Placement[]>(placementsOf(this.#places));
    let moved = placed.size !== this.#placed.size;
    for (const [key, all] of placed) {
      const before = this.#placed.get(key);
      if (before !== undefined && JSON.stringify(before) === JSON.stringify(all)) placed.set(key, before);
      else moved = true;
    }
    this.#placed = placed;
    if (this.#changes().length > 0) this.#writing.request();
    if (moved) for (const listener of this.#listeners) listener();
  }

  /** What the table has to be told: of each node by the replica that it is connected to, of one that is gone by any. */
  #changes(): PlaceRow[] {
    const { isOwn } = this.#options;
    const changes: PlaceRow[] = [];
    for (const [key, { is, sinceMs: _, ...place }] of this.#places.nodes) {
      const json = JSON.stringify(place);
      if (is === 'lost' || this.#written.get(key) === json) continue;
      if (isOwn(place.node, place.group)) changes.push({ group: place.group, node: place.node, place });
      // the other replica writes it, and whoever forgets it takes it out
      else this.#written.set(key, json);
    }
    for (const [key, json] of this.#written) {
      if (this.#places.nodes.has(key)) continue;
      const { group, node } = JSON.parse(json) as Place;
      changes.push({ group, node, place: null });
    }
    return changes;
  }

  async #attemptWrite(): Promise<void> {
    const lost = 'A control plane that starts anew finds the places of nodes';
    await this.#attempts.make('places', lost, async () => {
      const changes = this.#changes();
      await this.#options.store.places.write(changes);
      for (const { group, node, place } of changes) {
        if (place === null) this.#written.delete(keyOf(node, group));
        else this.#written.set(keyOf(node, group), JSON.stringify(place));
      }
    });
    if (this.#attempts.failing) this.#writing.request();
  }
}

const nowhere: readonly Placement[] = [];

/** A look costs as much as the fleet is large: not for every acknowledgement. */
function isOfPlaces(change: FleetChange | undefined): boolean {
  switch (change?.kind) {
    case undefined:
    case 'connected':
    case 'disconnected':
    case 'evicted':
    case 'reported':
      return true;
    case 'acked':
    case 'current':
      return change.type === 'listeners';
    default:
      return false;
  }
}
