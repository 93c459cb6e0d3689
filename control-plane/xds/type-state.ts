/**
 * What one stream knows of one type: what is wanted, what was sent, what is acknowledged. A plain value; only the pure
 * functions of sotw.ts, delta.ts, acknowledge.ts and warming.ts make new ones.
 */
import type { XdsType } from '../../proto/type-urls.ts';
import { type EncodedResource, type TypeSnapshot, type View, wholeOf } from '../snapshot/snapshot.ts';
import { hostsByName } from './on-demand.ts';

export interface Interest {
  /** Everything of the type. */
  readonly wildcard: boolean;
  /** What is wanted by name, beside the wildcard or instead of it. */
  readonly names: ReadonlySet<string>;
  /** Delta: everything whose name begins so (`team/`), asked for as `team/*` (case A17). */
  readonly prefixes?: ReadonlySet<string>;
}

export interface SentResponse {
  readonly nonce: string;
  readonly version: string;
  readonly sentAtMs: number;
  /** What a client that takes it holds then; undefined where that need not be confirmed, as it never expires. */
  readonly told: TypeSnapshot | undefined;
}

/** Something that a client has taken: what it was told, and under which version. */
export interface Good {
  readonly told: TypeSnapshot;
  readonly version: string;
}

/** A cluster that the client did not have before. */
export interface Added {
  readonly sentAtMs: number;
  /** It is waited for no longer. */
  readonly untilMs: number;
  /** Its endpoints are checked before it serves. */
  readonly checked: boolean;
}

export interface SentHeartbeat {
  readonly nonce: string;
  /** Nonce of the type's newest response at that time. */
  readonly follows: string | undefined;
}

export interface TypeState {
  readonly type: XdsType;
  readonly wanted: Interest;
  /** SotW: something was named once, so an empty list means nothing from now on, not everything. */
  readonly hasNamed: boolean;
  /** SotW: the newest list came with the answer to an older response; the answer to the newest brings it again. */
  readonly isStale: boolean;
  /** The client said in its first request that it holds something of an earlier stream, and may be using it. */
  readonly returning: boolean;
  /** When the first answer to a returning client began to wait for its request of clusters. */
  readonly heldSinceMs: number | undefined;
  /** Delta: what the client said to hold in its first request; let go of once it has served. */
  readonly initialVersions: ReadonlyMap<string, string>;
  /** The client holds this snapshot, as far as it is wanted; undefined before the first answer. */
  readonly told: TypeSnapshot | undefined;
  /** Names to send (or to report as absent) although `told` has them already. */
  readonly owed: ReadonlySet<string>;
  /** Gone from `told`, yet the client was not told so: other types still named them. The last resource, where known. */
  readonly lingering: ReadonlyMap<string, EncodedResource | undefined>;
  /** Clusters: those that the client got lately beside those it had. They may still be warming. */
  readonly added: ReadonlyMap<string, Added>;
  /** Oldest first. */
  readonly unacked: readonly SentResponse[];
  /** The newest response; undefined before the first. */
  readonly lastSent: SentResponse | undefined;
  /** The client has answered a response of this stream. */
  readonly answered: boolean;
  /** The newest response was refused. */
  readonly rejected: boolean;
  /** The newest that the client has taken, if it can expire: what it holds as long as the newest response is refused. */
  readonly lastGood: Good | undefined;
  /** When the times to live were last begun anew, all of them; undefined: there are none. */
  readonly refreshedAtMs: number | undefined;
  /** Heartbeats that may still be answered, or referred to; oldest first. */
  readonly heartbeats: readonly SentHeartbeat[];
}

const noNames: ReadonlySet<string> = new Set();
export const noVersions: ReadonlyMap<string, string> = new Map();
const nothingAdded: ReadonlyMap<string, Added> = new Map();
export const nothingLingers: ReadonlyMap<string, EncodedResource | undefined> = new Map();

export function initialStateOf(type: XdsType): TypeState {
  return {
    type,
    wanted: { wildcard: false, names: noNames },
    hasNamed: false,
    isStale: false,
    returning: false,
    heldSinceMs: undefined,
    initialVersions: noVersions,
    told: undefined,
    owed: noNames,
    lingering: nothingLingers,
    added: nothingAdded,
    unacked: [],
    lastSent: undefined,
    answered: false,
    rejected: false,
    lastGood: undefined,
    refreshedAtMs: undefined,
    heartbeats: [],
  };
}

/** What a response carries beside its envelope. */
export interface Content {
  readonly version: string;
  /** Each name once. */
  readonly resources: readonly EncodedResource[];
  /** Delta only. */
  readonly removed: readonly string[];
  /** Those of `resources` that the client does not hold in this version. */
  readonly news: readonly EncodedResource[];
}

/** `state` holds once `content` was sent; at once if there is none to send. */
export interface Answer {
  readonly state: TypeState;
  readonly content: Content | undefined;
}

/**
 * What the client chooses from: who asks for everything is spared what only gRPC's own clients, which name it, use. Who
 * names virtual hosts, as Envoy does on demand, names them by the hosts of its requests.
 */
export function seenBy({ type, wanted }: Pick<TypeState, 'type' | 'wanted'>, { types }: View): TypeSnapshot {
  if (wanted.wildcard) return types[type];
  return type === 'virtualHosts' ? hostsByName(types[type], wanted.names) : wholeOf(types[type]);
}

export function wants({ wildcard, names, prefixes = noNames }: Interest, name: string): boolean {
  if (wildcard || names.has(name)) return true;
  for (const prefix of prefixes) if (name.startsWith(prefix)) return true;
  return false;
}

export function wantsNothing({ wildcard, names, prefixes = noNames }: Interest): boolean {
  return !wildcard && names.size === 0 && prefixes.size === 0;
}

/** The resources of a type that somebody wants. */
export function wantedOf(interest: Interest, { resources }: TypeSnapshot): EncodedResource[] {
  const { wildcard, names, prefixes = noNames } = interest;
  if (wildcard) return [...resources.values()];
  if (prefixes.size > 0) return [...resources.values()].filter(({ name }) => wants(interest, name));
  const wanted: EncodedResource[] = [];
  for (const name of names) {
    const resource = resources.get(name);
    if (resource !== undefined) wanted.push(resource);
  }
  return wanted;
}

/** The state as if these names had not been asked for. */
export function withoutNames(state: TypeState, names: readonly string[]): TypeState {
  const rest = (all: ReadonlySet<string>): ReadonlySet<string> =>
    new Set([...all].filter((name) => !names.includes(name)));
  return { ...state, wanted: { ...state.wanted, names: rest(state.wanted.names) }, owed: rest(state.owed) };
}

/** The state in which the client holds all of `current` but what lingers. */
export function toldOf(state: TypeState, current: TypeSnapshot, lingering: TypeState['lingering']): TypeState {
  // the endpoints' first answer asks which clusters the client brought along
  const initialVersions = state.type === 'clusters' ? state.initialVersions : noVersions;
  return { ...state, told: current, owed: noNames, initialVersions, lingering };
}

/** A version of its own while removals are held back: the same name never stands for two contents. */
export function versionOf(current: TypeSnapshot, lingering: TypeState['lingering']): string {
  return lingering.size === 0 ? current.version : `${current.version}~`;
}
