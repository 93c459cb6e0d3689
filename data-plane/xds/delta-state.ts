/**
 * Subscription state of one type on an incremental xDS stream: a plain value, and the protocol's rules as pure
 * functions from one state to the next. Names that are asked for, and what is held of them, outlive a stream; what was
 * said on it does not.
 */

const wildcard = '*';

export interface DeltaState {
  /** Everything is asked for by saying nothing: the first request names no names. */
  readonly legacyWildcard: boolean;
  /** Names that are asked for; `*` among them asks for everything aloud. */
  readonly wanted: ReadonlySet<string>;
  /** Newest accepted version of each resource that is held. */
  readonly held: ReadonlyMap<string, string>;
  /** Held ones that were given back by name while a wildcard stands: the server has to say whether they stay. */
  readonly ambiguous: ReadonlySet<string>;
  /** A request of this type was sent on the stream. */
  readonly started: boolean;
  /** Not sent yet. */
  readonly subscribe: ReadonlySet<string>;
  /** Not sent yet. */
  readonly unsubscribe: ReadonlySet<string>;
}

/** The part of a request that speaks of names; `versions` is filled in the first one of a stream only. */
export interface NamesRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}

const none: ReadonlySet<string> = new Set();

const nothing: DeltaState = {
  legacyWildcard: false,
  wanted: none,
  held: new Map(),
  ambiguous: none,
  started: false,
  subscribe: none,
  unsubscribe: none,
};

/** A type of which all resources are asked for. */
export const wildcardSubscription: DeltaState = { ...nothing, legacyWildcard: true };

/** A type of which resources are asked for by name, as yet none. */
export const namedSubscription: DeltaState = nothing;

function isWildcard(state: DeltaState): boolean {
  return state.legacyWildcard || state.wanted.has(wildcard);
}

/** A resource of this name was asked for: another one is superfluous and to be ignored. */
export function isAskedFor(state: DeltaState, name: string): boolean {
  return isWildcard(state) || state.wanted.has(name);
}

/** Asks for names and gives names back; `*` is such a name. What cancels out before it is sent is sent all the same. */
export function changeNames(state: DeltaState, add: Iterable<string>, remove: Iterable<string>): DeltaState {
  const draft = {
    legacyWildcard: state.legacyWildcard,
    wanted: new Set(state.wanted),
    held: new Map(state.held),
    ambiguous: new Set(state.ambiguous),
    subscribe: new Set(state.subscribe),
    unsubscribe: new Set(state.unsubscribe),
  };
  for (const name of remove) {
    if (name === wildcard ? !(draft.legacyWildcard || draft.wanted.has(name)) : !draft.wanted.has(name)) continue;
    draft.wanted.delete(name);
    draft.subscribe.delete(name);
    draft.unsubscribe.add(name);
    if (name === wildcard) {
      draft.legacyWildcard = false;
      // what only the wildcard brought is forgotten
      for (const key of draft.held.keys()) if (!draft.wanted.has(key)) draft.held.delete(key);
      draft.ambiguous.clear();
    } else if (draft.legacyWildcard || draft.wanted.has(wildcard)) {
      if (draft.held.has(name)) draft.ambiguous.add(name);
    } else {
      draft.held.delete(name);
    }
  }
  for (const name of add) {
    if (draft.wanted.has(name)) continue;
    // a name beside the wildcard: from now on, and on later streams, the wildcard must be said
    if (draft.legacyWildcard) draft.wanted.add(wildcard);
    draft.legacyWildcard = false;
    draft.wanted.add(name);
    draft.ambiguous.delete(name);
    draft.unsubscribe.delete(name);
    draft.subscribe.add(name);
  }
  return { ...state, ...draft };
}

/** Asks for everything: by saying nothing if nothing was said yet. */
export function askForAll(state: DeltaState): DeltaState {
  return state.started ? changeNames(state, [wildcard], []) : { ...state, legacyWildcard: true };
}

/** Asks for everything no more; what was asked for by name stays. */
export function giveBackAll(state: DeltaState): DeltaState {
  return changeNames(state, [], [wildcard]);
}

/** A new stream: nothing was said on it yet, all of what is wanted will be. */
export function streamOpened(state: DeltaState): DeltaState {
  const onlyWildcard = state.wanted.size === 1 && state.wanted.has(wildcard);
  return {
    ...state,
    ...(onlyWildcard && { legacyWildcard: true, wanted: none }),
    started: false,
    subscribe: none,
    unsubscribe: none,
  };
}

/** The request that is due, and the state once it was sent; null: nothing has to be said. */
export function takeRequest(state: DeltaState): { readonly state: DeltaState; readonly request: NamesRequest } | null {
  const sent = { ...state, started: true, subscribe: none, unsubscribe: none };
  if (state.started) {
    if (state.subscribe.size + state.unsubscribe.size === 0) return null;
    const request = { subscribe: [...state.subscribe], unsubscribe: [...state.unsubscribe], versions: {} };
    return { state: sent, request };
  }
  // a first request without names would ask for everything
  if (!state.legacyWildcard && state.wanted.size === 0) return null;
  const request = { subscribe: [...state.wanted], unsubscribe: [], versions: Object.fromEntries(state.held) };
  return { state: sent, request };
}

/** What an accepted response, or the accepted part of one, brought and took. Superfluous resources leave no trace. */
export function accept(
  state: DeltaState,
  versions: Iterable<readonly [name: string, version: string]>,
  removed: Iterable<string>,
): DeltaState {
  const held = new Map(state.held);
  const ambiguous = new Set(state.ambiguous);
  for (const name of removed) {
    held.delete(name);
    ambiguous.delete(name);
  }
  for (const [name, version] of versions) {
    if (!isAskedFor(state, name)) continue;
    held.set(name, version);
    ambiguous.delete(name);
  }
  return { ...state, held, ambiguous };
}
