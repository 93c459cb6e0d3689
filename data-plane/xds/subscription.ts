/** One type on the stream: what is asked for, what is held, and how the last response was answered. */
import type { DeltaDiscoveryResponse } from '../../proto/envoy.ts';
import { typeUrls } from '../../proto/type-urls.ts';
import type { Problem } from './decode/problems.ts';
import type { ResourceOf } from './decode/resources.ts';
import { withoutPrivateKey } from './decode/secret.ts';
import {
  accept,
  askForAll,
  changeNames,
  type DeltaState,
  giveBackAll,
  isAskedFor,
  type NamesRequest,
  namedSubscription,
  streamOpened,
  takeRequest,
  wildcardSubscription,
} from './delta-state.ts';
import { keepIdentity } from './identity.ts';
import { rejectionReasons } from './nack.ts';
import { type ArrivedResource, judge, type Verdict } from './response.ts';
import type { NodeType } from './types.ts';
import type { Missing, SourceChanges } from './warmer.ts';

interface HeldResource<T extends NodeType> {
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly value: ResourceOf[T];
  readonly updatedMs: number;
}

export interface DumpedResource {
  readonly name: string;
  readonly version_info: string;
  /** Epoch milliseconds. */
  readonly last_updated: number;
  readonly resource: RawResource;
  /** Of a route configuration: its virtual hosts that came as resources of their own. */
  readonly hosts?: readonly RawResource[];
}

/** As it came. */
export interface RawResource {
  readonly type_url: string;
  readonly value: Uint8Array;
}

export interface XdsTypeState {
  /** Resources that are held. */
  readonly resources: number;
  readonly acks: number;
  readonly nacks: number;
  /** Epoch milliseconds of the last response; null: none came. */
  readonly lastResponseMs: number | null;
  /** Why the last response was refused, wholly or in part; null: it was not, or none came. */
  readonly error: string | null;
}

/** Good resources that must not come all the same, by name: they do not go with what others say. */
export type Objections<T extends NodeType> = (
  arrived: readonly ResourceOf[T][],
  removed: readonly string[],
) => ReadonlyMap<string, readonly Problem[]>;

/** What a response did. */
export interface Outcome {
  /** False: it was refused as a whole. */
  readonly taken: boolean;
  /** Empty: all of it was taken. */
  readonly reasons: readonly string[];
  /** Times to live to start, and to stop (null), by name. */
  readonly ttls: ReadonlyMap<string, number | null>;
  /** Names that the response spoke of: they need not be waited for any more. */
  readonly answered: readonly string[];
}

type Taken<T extends NodeType> = Extract<Verdict<T>, { readonly refused: null }>;

export class Subscription<T extends NodeType> {
  readonly #type: T;
  readonly #now: () => number;
  readonly #objections: Objections<T> | undefined;
  readonly #held = new Map<string, HeldResource<T>>();
  readonly #missing = new Map<string, Missing>();
  /** Of the last response. */
  #named: readonly string[] = [];
  /** Came last in a response that was refused: here and at the server other versions may count as held. */
  readonly #disputed = new Set<string>();
  #wantsAll: boolean;
  #state: DeltaState;
  #acks = 0;
  #nacks = 0;
  #lastResponseMs: number | null = null;
  #error: string | null = null;

  /** Clusters and listeners are asked for all, virtual hosts once {@link wantAll} says so, the rest by name. */
  constructor(type: T, now: () => number, objections?: Objections<T>) {
    this.#type = type;
    this.#now = now;
    this.#objections = objections;
    this.#wantsAll = type === 'clusters' || type === 'listeners';
    this.#state = this.#wantsAll ? wildcardSubscription : namedSubscription;
  }

  /** A request of this type was sent on the stream; responses to nothing are not for us. */
  get started(): boolean {
    return this.#state.started;
  }

  /** A response came, now or on an earlier stream. */
  get everAnswered(): boolean {
    return this.#lastResponseMs !== null;
  }

  get(name: string): ResourceOf[T] | undefined {
    return this.#held.get(name)?.value;
  }

  missing(name: string): Missing | undefined {
    return this.#missing.get(name);
  }

  isAwaited(name: string): boolean {
    return this.#state.wanted.has(name) && !this.#held.has(name) && !this.#missing.has(name);
  }

  streamOpened(): void {
    this.#state = streamOpened(this.#state);
  }

  /** The request that is due, or null. */
  takeRequest(): NamesRequest | null {
    const taken = takeRequest(this.#state);
    if (taken === null) return null;
    this.#state = taken.state;
    return taken.request;
  }

  /** Asks for names, gives names back, and forgets what is held of those. */
  changeNames({ added, removed }: SourceChanges): void {
    if (added.length + removed.length === 0) return;
    this.#state = changeNames(this.#state, added, removed);
    for (const name of removed) {
      this.#held.delete(name);
      this.#missing.delete(name);
    }
  }

  /** Asks for all there are, or for none, and then forgets what is held. Answers the names that it forgot. */
  wantAll(want: boolean): readonly string[] {
    if (want === this.#wantsAll) return [];
    this.#wantsAll = want;
    this.#state = want ? askForAll(this.#state) : giveBackAll(this.#state);
    if (want) return [];
    const forgotten = [...this.#held.keys()];
    this.#held.clear();
    this.#disputed.clear();
    return forgotten;
  }

  /** Takes what is good in a response, keeps the last good form of what is not. */
  receive(response: DeltaDiscoveryResponse): Outcome {
    this.#lastResponseMs = this.#now();
    const verdict = judge(this.#type, response, {
      isAskedFor: (name) => isAskedFor(this.#state, name),
      isConfirmedBy: (name, version) => this.#isConfirmedBy(name, version),
      get: (name) => this.#held.get(name),
    });
    this.#named = (response.resources ?? []).filter(({ resource }) => resource).map(({ name = '' }) => name);
    if (verdict.refused !== null) return { taken: false, reasons: verdict.refused, ttls: new Map(), answered: [] };

    const { heartbeats, removed } = verdict;
    const { accepted, rejected } = this.#withoutObjections(verdict);
    for (const resource of accepted) this.#hold(resource);
    for (const name of removed) this.#drop(name, 'unanswered');
    for (const { name } of rejected) if (!this.#held.has(name)) this.#markMissing(name, 'unanswered');
    this.#state = accept(
      this.#state,
      accepted.map(({ name, version }) => [name, version]),
      removed,
    );
    const ttls = new Map<string, number | null>(removed.map((name) => [name, null]));
    for (const { name, ttlMs } of [...accepted, ...heartbeats]) ttls.set(name, ttlMs);
    const answered = [...accepted.map(({ name }) => name), ...removed, ...rejected.map(({ name }) => name)];
    return { taken: true, reasons: rejectionReasons(this.#type, rejected), ttls, answered };
  }

  #withoutObjections(judged: Taken<T>): Pick<Taken<T>, 'accepted' | 'rejected'> {
    const arrived = judged.accepted.map(({ value }) => value);
    const objections = this.#objections?.(arrived, judged.removed) ?? new Map<string, readonly Problem[]>();
    if (objections.size === 0) return judged;
    const rejected = [...objections].map(([name, problems]) => ({ name, problems }));
    return {
      accepted: judged.accepted.filter(({ name }) => !objections.has(name)),
      rejected: [...judged.rejected, ...rejected],
    };
  }

  /** Remembers how the response was answered: null for an ACK, else the text of the NACK. */
  answered(error: string | null): void {
    for (const name of this.#named) {
      if (error === null) this.#disputed.delete(name);
      else this.#disputed.add(name);
    }
    if (error === null) this.#acks++;
    else this.#nacks++;
    this.#error = error;
  }

  /** Waited for long enough. */
  giveUp(name: string): void {
    if (this.isAwaited(name)) this.#missing.set(name, 'unanswered');
  }

  /** Its time to live ran out. */
  expire(name: string): void {
    this.#state = accept(this.#state, [], [name]);
    this.#drop(name, 'expired');
  }

  /** The last good form of a resource must not expire because the server speaks of the one that was refused. */
  #isConfirmedBy(name: string, version: string): boolean {
    const held = this.#held.get(name);
    return held !== undefined && (held.version === version || this.#disputed.has(name));
  }

  #hold({ name, version, bytes, value }: ArrivedResource<T>): void {
    const before = this.#held.get(name)?.value;
    // other bytes may say the same thing
    const kept = before === undefined ? value : keepIdentity(this.#type, before, value);
    this.#held.set(name, { version, bytes, value: kept, updatedMs: this.#now() });
    this.#missing.delete(name);
  }

  #drop(name: string, why: Missing): void {
    this.#held.delete(name);
    this.#disputed.delete(name);
    this.#markMissing(name, why);
  }

  /** Only what is asked for by name can be missing. */
  #markMissing(name: string, why: Missing): void {
    if (this.#state.wanted.has(name)) this.#missing.set(name, why);
  }

  state(): XdsTypeState {
    return {
      resources: this.#held.size,
      acks: this.#acks,
      nacks: this.#nacks,
      lastResponseMs: this.#lastResponseMs,
      error: this.#error,
    };
  }

  raw(name: string): RawResource | undefined {
    const held = this.#held.get(name);
    return held === undefined ? undefined : { type_url: typeUrls[this.#type], value: held.bytes };
  }

  /** What is held, by name, without private keys. */
  dump(): DumpedResource[] {
    const dumped = [...this.#held].map(
      ([name, { version, bytes, updatedMs }]): DumpedResource => ({
        name,
        version_info: version,
        last_updated: updatedMs,
        resource: {
          type_url: typeUrls[this.#type],
          value: this.#type === 'secrets' ? withoutPrivateKey(bytes) : bytes,
        },
      }),
    );
    return dumped.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
