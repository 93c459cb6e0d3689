/** Keeps each node group's snapshot in step with the documents, and with where the nodes are. */
import { type DocumentKey, describeKey, keyId } from '../model/document.ts';
import type { Placements } from '../model/placements.ts';
import type { SnapshotCache } from '../snapshot/cache.ts';
import { wholeOf } from '../snapshot/snapshot.ts';
import type { Store } from '../store/store.ts';
import { dependsOnMoved, type OnEncoded } from '../translate/group.ts';
import { resourceJson } from '../translate/json.ts';
import { type GroupResources, type Note, pushOrder, type XdsType } from '../translate/resources.ts';
import { Debounce, type Timers } from './debounce.ts';
import type { PublishLimits } from './limits.ts';
import { type PublishFailure, type Rendered, renderGroup } from './render.ts';
import { touchedGroups } from './touched.ts';

export interface PublisherDependencies {
  readonly store: Pick<Store, 'documents' | 'subscribe'>;
  /** `onMoved`: hears that they may have changed; returns the unsubscribe function. */
  readonly placements: Placements & { onMoved(listener: () => void): () => void };
  readonly cache: SnapshotCache;
  readonly timers: Timers;
  readonly limits: PublishLimits;
  readonly logger: PublishLogger;
  /** Hears of every resource that is encoded; without it nobody counts them. */
  readonly onEncoded?: OnEncoded;
}

export interface PublishLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface GroupStatus {
  readonly group: string;
  /** The group is served what the documents say as of this revision; undefined: it never was. */
  readonly revision: number | undefined;
  /** Undefined while all is well; else the last good snapshot stays. */
  readonly failure: PublishFailure | undefined;
  readonly notes: readonly Note[];
}

export interface Published {
  readonly group: string;
  readonly revision: number;
  /** False if the documents' change changed nothing for this group. */
  readonly changed: boolean;
  /** Since the documents advanced. */
  readonly durationMs: number;
}

/** From the socket inwards; these are there for every group, the other types where there is any of them. */
const mainTypes: readonly XdsType[] = ['listeners', 'routes', 'clusters', 'endpoints'];
const xdsTypes: readonly XdsType[] = [...new Set([...mainTypes, ...pushOrder])];

/** What is known of one group; replaced as a whole. */
interface GroupState {
  readonly revision: number | undefined;
  /** The last that was good. */
  readonly served: Rendered | undefined;
  readonly failure: PublishFailure | undefined;
}

export class Publisher {
  readonly #dependencies: PublisherDependencies;
  readonly #debounce: Debounce;
  readonly #groups = new Map<string, GroupState>();
  readonly #listeners = new Set<(published: Published) => void>();
  #changed: DocumentKey[] = [];
  #changedAtMs: number | undefined;
  #unsubscribe: (() => void)[] = [];

  constructor(dependencies: PublisherDependencies) {
    this.#dependencies = dependencies;
    this.#debounce = new Debounce(() => this.#publish(), dependencies.timers, dependencies.limits);
  }

  /** Publishes every group before it returns, then whatever changes, until `close`. */
  start(): void {
    const { store, placements, timers } = this.#dependencies;
    const request = (changed: readonly DocumentKey[]): void => {
      this.#changed.push(...changed);
      this.#changedAtMs ??= timers.now();
      this.#debounce.request();
    };
    this.#unsubscribe = [
      store.subscribe((_revision, changed) => request(changed)),
      placements.onMoved(() => request([])),
    ];
    this.#debounce.request();
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#debounce.cancel();
  }

  /**
   * Told of every group that is well after each publication, also where nothing changed for it: so whoever waits for a
   * revision to be on its way hears of it. Returns the unsubscribe function.
   */
  onPublished(listener: (published: Published) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** In name order. */
  status(): GroupStatus[] {
    return [...this.#groups]
      .map(([group, { revision, served, failure }]) => ({ group, revision, failure, notes: notesOf(served) }))
      .toSorted((a, b) => (a.group < b.group ? -1 : 1));
  }

  /** Groups whose clusters are made of this one's nodes; undefined while one of them is not served where these are now. */
  usersOf(group: string): string[] | undefined {
    const users: string[] = [];
    for (const [user, resources] of this.#served()) {
      if (!resources.placementReads.some((read) => read.group === group)) continue;
      if (dependsOnMoved(resources, this.#dependencies.placements)) return undefined;
      users.push(user);
    }
    return users;
  }

  /** What a group is being served, as proto3 JSON in name order; undefined for a group that is served nothing. */
  resourcesOf(group: string): { [T in XdsType]?: Record<string, unknown>[] } | undefined {
    const snapshot = this.#groups.get(group)?.served?.snapshot;
    if (snapshot === undefined) return undefined;
    const asJson = (type: XdsType): Record<string, unknown>[] =>
      [...wholeOf(snapshot.types[type]).resources.values()].map(({ value }) => resourceJson(type, value));
    const shown = xdsTypes.filter(
      (type) => mainTypes.includes(type) || wholeOf(snapshot.types[type]).resources.size > 0,
    );
    return Object.fromEntries(shown.map((type) => [type, asJson(type)]));
  }

  #publish(): void {
    const { store, placements, cache, timers } = this.#dependencies;
    const { documents } = store;
    // a document may have changed several times since: it is still one
    const changed = [...new Map(this.#changed.map((key) => [keyId(key), key])).values()];
    const sinceMs = this.#changedAtMs ?? timers.now();
    this.#changed = [];
    this.#changedAtMs = undefined;

    const existing = new Set([...documents.all('NodeGroup')].map(({ document }) => document.name));
    this.#removeAllBut(existing);
    const touched = touchedGroups(documents, changed, this.#served(), placements);
    const published: Published[] = [];
    for (const group of existing) {
      const before = this.#groups.get(group);
      // after a failure nobody knows what the group depends on: it is tried again with every change
      const stands = before !== undefined && before.failure === undefined && !touched.has(group);
      const after = stands ? { ...before, revision: documents.revision } : this.#advance(group, before, changed);
      this.#groups.set(group, after);
      if (after.failure !== undefined || after.served === undefined) continue;
      const isNew = after.served.snapshot !== before?.served?.snapshot;
      if (isNew) cache.set(after.served.snapshot);
      published.push({ group, revision: documents.revision, changed: isNew, durationMs: timers.now() - sinceMs });
    }
    for (const one of published) for (const listener of this.#listeners) listener(one);
  }

  #removeAllBut(existing: ReadonlySet<string>): void {
    for (const group of this.#groups.keys()) {
      if (existing.has(group)) continue;
      this.#groups.delete(group);
      this.#dependencies.cache.remove(group);
      this.#dependencies.logger.info({ event: 'group-removed', group }, `group ${group} is no more`);
    }
  }

  /** What each group's last good translation gave. */
  #served(): Map<string, GroupResources> {
    const all = new Map<string, GroupResources>();
    for (const [group, { served }] of this.#groups) if (served !== undefined) all.set(group, served.resources);
    return all;
  }

  #advance(group: string, before: GroupState | undefined, changed: readonly DocumentKey[]): GroupState {
    const { store, placements, onEncoded } = this.#dependencies;
    const { documents } = store;
    const served = before?.served;
    // after a failure more has changed than `changed` says
    const previous = before?.failure === undefined ? served?.resources : undefined;
    const outcome = renderGroup(documents, placements, group, served?.snapshot, previous, changed, onEncoded);
    if ('problems' in outcome) {
      this.#logFailure(group, before, outcome);
      return { revision: before?.revision, served, failure: outcome };
    }
    this.#logSuccess(group, before, outcome);
    return { revision: documents.revision, served: outcome, failure: undefined };
  }

  /** The same problems once, not with every change that is made meanwhile. */
  #logFailure(group: string, before: GroupState | undefined, failure: PublishFailure): void {
    if (before?.failure?.problems.join() === failure.problems.join()) return;
    const kept = before?.served === undefined ? 'it is served nothing' : `it stays at revision ${before.revision}`;
    this.#dependencies.logger.error(
      { event: 'publish-failed', group, ...failure },
      `group ${group} cannot be served revision ${failure.revision}, ${kept}: ${failure.problems.join('; ')}`,
    );
  }

  #logSuccess(group: string, before: GroupState | undefined, { resources, snapshot }: Rendered): void {
    const { logger } = this.#dependencies;
    const known = new Set(notesOf(before?.served).map((note) => JSON.stringify(note)));
    for (const note of resources.notes) {
      if (known.has(JSON.stringify(note))) continue;
      const { document, detail } = note;
      logger.warn({ event: 'not-served', group, document }, `group ${group}: ${describeKey(document)}: ${detail}`);
    }
    const previous = before?.served?.snapshot;
    if (snapshot === previous) return;
    const { revision } = snapshot;
    const isNews = (type: XdsType): boolean =>
      previous === undefined
        ? wholeOf(snapshot.types[type]).resources.size > 0
        : previous.types[type] !== snapshot.types[type];
    const types = xdsTypes.filter(isNews);
    logger.info({ event: 'published', group, revision, types }, `group ${group} is served revision ${revision}`);
  }
}

function notesOf(served: Rendered | undefined): readonly Note[] {
  return served?.resources.notes ?? [];
}
