/**
 * The state-of-the-world variant: every request carries the full list of names, every response of a full-state type
 * (listeners, clusters) carries the full set, one of the other types whatever changed.
 */
import { hasLegacyWildcard, isFullStateType, type XdsType } from '../../proto/type-urls.ts';
import { diffTypes } from '../snapshot/diff.ts';
import type { EncodedResource, TypeSnapshot } from '../snapshot/snapshot.ts';
import { acknowledge, type Heard, isKnownNonce, isNewestNonce } from './acknowledge.ts';
import type { SotwRequest } from './requests.ts';
import {
  type Answer,
  type Content,
  type Interest,
  initialStateOf,
  nothingLingers,
  type TypeState,
  toldOf,
  versionOf,
  wantedOf,
  wants,
  wantsNothing,
} from './type-state.ts';

type Names = Pick<SotwRequest, 'names' | 'nonce' | 'error'> & { readonly version?: string | undefined };

/** What a request changes. `state` is undefined for the first request of the type on its stream. */
export function hearSotw(type: XdsType, state: TypeState | undefined, request: Names): Heard {
  // a nonce of an earlier stream means nothing (case 7)
  if (state === undefined) {
    const returning = Boolean(request.version);
    return { state: subscribe({ ...initialStateOf(type), returning }, request.names), verdict: undefined };
  }
  if (state.lastSent === undefined) return { state: subscribe(state, request.names), verdict: undefined };
  // no nonce after a response: the client has lost its state and is answered as at first (case 34)
  if (request.nonce === '') {
    const forgotten = { ...state, told: undefined, unacked: [], lingering: nothingLingers, isStale: false };
    return { state: subscribe(forgotten, request.names), verdict: undefined };
  }
  if (!isKnownNonce(state, request.nonce)) return { state, verdict: undefined };
  const heard = acknowledge(state, request.nonce, request.error !== undefined);
  const isStale = !isNewestNonce(state, request.nonce);
  return { state: { ...subscribe(heard.state, request.names), isStale }, verdict: heard.verdict };
}

function subscribe(state: TypeState, list: readonly string[]): TypeState {
  const names = new Set(list.filter((name) => name !== '' && name !== '*'));
  // an empty list is everything until something is named, for the types that say so (cases 12, 25, 30)
  const wildcard = list.length === 0 ? !state.hasNamed && hasLegacyWildcard(state.type) : list.includes('*');
  const hasNamed = state.hasNamed || list.length > 0;
  const before = state.wanted;
  if (wildcard === before.wildcard && sameNames(names, before.names)) {
    return hasNamed === state.hasNamed ? state : { ...state, hasNamed };
  }
  const wanted = { wildcard, names };
  return { ...state, wanted, hasNamed, owed: owedTo(state, wanted) };
}

/** Names that were not wanted until now have to be sent, whatever was told before (cases 20, 24, 28). */
function owedTo({ told, owed, wanted: before }: TypeState, wanted: Interest): ReadonlySet<string> {
  if (told === undefined) return owed;
  const more = new Set(owed);
  if (wanted.wildcard) {
    if (before.wildcard) return owed;
    for (const name of told.resources.keys()) if (!before.names.has(name)) more.add(name);
  } else {
    for (const name of wanted.names) if (!wants(before, name)) more.add(name);
  }
  return more;
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false;
  for (const name of a) if (!b.has(name)) return false;
  return true;
}

/**
 * What has to be said to a client of this state about `current`. `mayRemove`: nothing that the client holds may still
 * name what went away.
 */
export function answerSotw(state: TypeState, current: TypeSnapshot, mayRemove: boolean): Answer {
  const { told, type } = state;
  if (told === undefined) return firstAnswer(state, current);
  if (told === current && state.owed.size === 0 && state.lingering.size === 0) return { state, content: undefined };
  const { changed, removed } = diffTypes(told, current);
  const news = newsFor(state, changed, current);
  // absence means removal in the full-state types alone; in the others nothing can be removed (case 41)
  if (!isFullStateType(type)) {
    const content = news.length > 0 ? contentOf(current, news, news, nothingLingers) : undefined;
    return { state: toldOf(state, current, nothingLingers), content };
  }
  const gone = goneFor(state, removed, current);
  const lingering = mayRemove ? nothingLingers : gone;
  const needed = news.length > 0 || (mayRemove && gone.size > 0);
  const all = needed ? [...wantedOf(state.wanted, current), ...resourcesOf(lingering)] : [];
  return {
    state: toldOf(state, current, lingering),
    content: needed ? contentOf(current, all, news, lingering) : undefined,
  };
}

/** A full-state type, and a wildcard, is answered even with nothing, so that the client can go on (19); names wait (18). */
function firstAnswer(state: TypeState, current: TypeSnapshot): Answer {
  const all = wantedOf(state.wanted, current);
  const waits = !state.wanted.wildcard && !isFullStateType(state.type);
  const needed = all.length > 0 || !(waits || wantsNothing(state.wanted));
  return {
    state: toldOf(state, current, nothingLingers),
    content: needed ? contentOf(current, all, all, nothingLingers) : undefined,
  };
}

function newsFor(
  { wanted, owed }: TypeState,
  changed: readonly EncodedResource[],
  current: TypeSnapshot,
): readonly EncodedResource[] {
  if (owed.size === 0) return wanted.wildcard ? changed : changed.filter(({ name }) => wanted.names.has(name));
  const news = new Set(changed.filter(({ name }) => wants(wanted, name)));
  for (const name of owed) {
    const resource = wants(wanted, name) ? current.resources.get(name) : undefined;
    if (resource !== undefined) news.add(resource);
  }
  return [...news];
}

function goneFor(
  { wanted, lingering }: TypeState,
  removed: readonly EncodedResource[],
  current: TypeSnapshot,
): TypeState['lingering'] {
  const gone = new Map<string, EncodedResource | undefined>();
  for (const [name, resource] of lingering) {
    if (wants(wanted, name) && !current.resources.has(name)) gone.set(name, resource);
  }
  for (const resource of removed) if (wants(wanted, resource.name)) gone.set(resource.name, resource);
  return gone;
}

function resourcesOf(lingering: TypeState['lingering']): EncodedResource[] {
  return [...lingering.values()].filter((resource) => resource !== undefined);
}

function contentOf(
  current: TypeSnapshot,
  resources: readonly EncodedResource[],
  news: readonly EncodedResource[],
  lingering: TypeState['lingering'],
): Content {
  return { version: versionOf(current, lingering), resources, removed: [], news };
}
