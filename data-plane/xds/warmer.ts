/**
 * Resources that serve only together with a part that comes under a name of its own: a cluster with its endpoints, a
 * listener with its routes. A new one waits for its part; an updated one serves in its old form meanwhile. A change
 * costs what it touches, not what there is.
 */
import type { Subscribed } from './decode/resources.ts';

/**
 * Where a part stands that is not held. `unanswered`: waited for long enough, refused, or unknown to the server.
 * `expired`: its time to live ran out.
 */
export type Missing = 'unanswered' | 'expired';

/** The parts that are held, by name. */
export interface Parts<P> {
  get(name: string): P | undefined;
  missing(name: string): Missing | undefined;
}

/** How one kind of resource finds its part and is built with it. */
export interface Kind<R, P, C> {
  readonly parts: Parts<P>;
  /** Null: the part stands inline, or none is needed. */
  source(resource: R): Subscribed | null;
  inline(resource: R): P;
  /** What stands in for a part that will not come. */
  empty(resource: R): P;
  isEmpty(part: P): boolean;
  build(resource: R, part: P): C;
}

interface Warm<R, P, C> {
  readonly resource: R;
  readonly part: P;
  readonly config: C;
}

/** Names of parts to ask for, and to give back, since the last time. */
export interface SourceChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export class Warmer<R, P, C> {
  readonly #kind: Kind<R, P, C>;
  readonly #resources = new Map<string, R>();
  readonly #warm = new Map<string, Warm<R, P, C>>();
  /** Resources whose newest form waits. */
  readonly #waiting = new Set<string>();
  readonly #sourcesOf = new Map<string, readonly Subscribed[]>();
  /** Who needs a part, by the part's name. */
  readonly #users = new Map<string, Map<string, Subscribed>>();
  readonly #added = new Set<string>();
  readonly #removed = new Set<string>();
  #configs: ReadonlyMap<string, C> = new Map();
  #changed = false;

  constructor(kind: Kind<R, P, C>) {
    this.#kind = kind;
  }

  /** What may serve, by name: the same object as before if nothing changed. */
  get configs(): ReadonlyMap<string, C> {
    if (this.#changed) this.#configs = new Map(Array.from(this.#warm, ([name, { config }]) => [name, config]));
    this.#changed = false;
    return this.#configs;
  }

  /** Every resource has its part, or it was waited for long enough. */
  get settled(): boolean {
    return this.#waiting.size === 0;
  }

  /** A resource came, changed, or went (undefined). */
  put(name: string, resource: R | undefined): void {
    if (resource !== undefined) {
      this.#resources.set(name, resource);
      this.#refresh(name, resource);
      return;
    }
    this.#resources.delete(name);
    this.#waiting.delete(name);
    if (this.#warm.delete(name)) this.#changed = true;
    this.#setSources(name, []);
  }

  /** A part came, changed, or will not come. */
  partChanged(source: string): void {
    for (const name of [...(this.#users.get(source)?.keys() ?? [])]) this.#refresh(name, this.#resources.get(name)!);
  }

  /** How long to wait for a part (see {@link Subscribed}). */
  fetchTimeoutMs(source: string): number | null {
    const [first] = this.#users.get(source)?.values() ?? [];
    return first?.fetchTimeoutMs ?? null;
  }

  takeSourceChanges(): SourceChanges {
    const changes = { added: [...this.#added], removed: [...this.#removed] };
    this.#added.clear();
    this.#removed.clear();
    return changes;
  }

  #refresh(name: string, resource: R): void {
    const before = this.#warm.get(name);
    const now = heat(before, resource, this.#kind);
    if (now !== undefined && now !== before) {
      this.#warm.set(name, now);
      this.#changed = true;
    }
    const source = this.#kind.source(resource);
    // a form that serves goes on hearing of its own part while the next one waits for another
    const serving = now === undefined ? null : this.#kind.source(now.resource);
    this.#setSources(
      name,
      [source, serving].filter((one) => one !== null),
    );
    if (source !== null && stateOf(this.#kind.parts, source.name) === 'awaited') this.#waiting.add(name);
    else this.#waiting.delete(name);
  }

  #setSources(name: string, sources: readonly Subscribed[]): void {
    const before = this.#sourcesOf.get(name) ?? [];
    if (sources.length > 0) this.#sourcesOf.set(name, sources);
    else this.#sourcesOf.delete(name);
    for (const source of sources) this.#use(source, name);
    for (const source of before) {
      if (!sources.some((one) => one.name === source.name)) this.#release(source.name, name);
    }
  }

  #use(source: Subscribed, name: string): void {
    const users = this.#users.get(source.name);
    if (users !== undefined) {
      users.set(name, source);
      return;
    }
    this.#users.set(source.name, new Map([[name, source]]));
    if (!this.#removed.delete(source.name)) this.#added.add(source.name);
  }

  #release(source: string, name: string): void {
    const users = this.#users.get(source);
    if (users === undefined || !users.delete(name) || users.size > 0) return;
    this.#users.delete(source);
    if (!this.#added.delete(source)) this.#removed.add(source);
  }
}

function stateOf<P>(parts: Parts<P>, name: string): 'held' | 'awaited' | Missing {
  return parts.get(name) !== undefined ? 'held' : (parts.missing(name) ?? 'awaited');
}

/** The form that may serve now; undefined: none yet. `before` itself if nothing changed. */
function heat<R, P, C>(before: Warm<R, P, C> | undefined, resource: R, kind: Kind<R, P, C>): Warm<R, P, C> | undefined {
  const part = partOf(before, resource, kind);
  if (part !== undefined) return formOf(before, resource, part, kind);
  if (before === undefined) return undefined;
  return formOf(before, before.resource, partOf(before, before.resource, kind) ?? before.part, kind);
}

function formOf<R, P, C>(before: Warm<R, P, C> | undefined, resource: R, part: P, kind: Kind<R, P, C>): Warm<R, P, C> {
  if (before !== undefined && before.resource === resource && before.part === part) return before;
  return { resource, part, config: kind.build(resource, part) };
}

/** Undefined: to be waited for. A part that does not come may be missing from the start, but takes nothing away. */
function partOf<R, P, C>(before: Warm<R, P, C> | undefined, resource: R, kind: Kind<R, P, C>): P | undefined {
  const source = kind.source(resource);
  if (source === null) return kind.inline(resource);
  switch (stateOf(kind.parts, source.name)) {
    case 'held':
      return kind.parts.get(source.name);
    case 'awaited':
      return undefined;
    case 'expired':
      return kind.empty(resource);
    case 'unanswered':
      if (before === undefined) return kind.empty(resource);
      if (kind.source(before.resource)?.name === source.name || kind.isEmpty(before.part)) return before.part;
      return undefined;
  }
}
