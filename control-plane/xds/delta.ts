/** The incremental variant: requests add and drop names, responses carry what changed and what went away. */
import { hasLegacyWildcard, type XdsType } from '../../proto/type-urls.ts';
import { diffTypes } from '../snapshot/diff.ts';
import type { EncodedResource, TypeSnapshot } from '../snapshot/snapshot.ts';
import { acknowledge, type Heard } from './acknowledge.ts';
import type { DeltaRequest } from './requests.ts';
import {
  type Answer,
  initialStateOf,
  nothingLingers,
  type TypeState,
  toldOf,
  versionOf,
  wantedOf,
  wants,
} from './type-state.ts';

type Subscriptions = Pick<DeltaRequest, 'subscribe' | 'unsubscribe' | 'initialVersions' | 'nonce' | 'error'>;

/** What a request changes. `state` is undefined for the first request of the type on its stream. */
export function hearDelta(type: XdsType, state: TypeState | undefined, request: Subscriptions): Heard {
  const { subscribe, unsubscribe } = request;
  if (state === undefined) {
    // both lists empty is everything, for the types that say so (cases 30, 50, 62)
    const legacyWildcard = subscribe.length === 0 && unsubscribe.length === 0 && hasLegacyWildcard(type);
    const first = changeInterest(initialStateOf(type), legacyWildcard ? ['*'] : subscribe, unsubscribe);
    const { initialVersions } = request;
    const returning = initialVersions.size > 0;
    return { state: { ...first, initialVersions, returning, owed: new Set() }, verdict: undefined };
  }
  // subscriptions count whatever the nonce is (case 67)
  const heard = acknowledge(state, request.nonce, request.error !== undefined);
  if (subscribe.length === 0 && unsubscribe.length === 0) return heard;
  return { state: changeInterest(heard.state, subscribe, unsubscribe), verdict: heard.verdict };
}

/** Subscriptions first, then what is dropped: a name in both lists ends dropped (case 62). */
function changeInterest(state: TypeState, subscribe: readonly string[], unsubscribe: readonly string[]): TypeState {
  const { told } = state;
  const before = state.wanted;
  const names = new Set(before.names);
  const prefixes = new Set(before.prefixes);
  const owed = new Set(state.owed);
  for (const name of subscribe) {
    if (name === '*' || name === '') continue;
    const prefix = prefixOf(state.type, name);
    if (prefix !== undefined) {
      prefixes.add(prefix);
      for (const known of told?.resources.keys() ?? []) if (known.startsWith(prefix)) owed.add(known);
      continue;
    }
    names.add(name);
    // also if it is known and current: the client may have dropped it (case 58)
    owed.add(name);
  }
  const becomesWildcard = !before.wildcard && subscribe.includes('*');
  const wildcard = (before.wildcard || becomesWildcard) && !unsubscribe.includes('*');
  if (becomesWildcard && wildcard && told !== undefined) {
    for (const name of told.resources.keys()) if (!wants(before, name)) owed.add(name);
  }
  for (const name of unsubscribe) prefixes.delete(prefixOf(state.type, name) ?? '');
  const wanted = { wildcard, names, prefixes };
  for (const name of unsubscribe) {
    if (!names.delete(name)) continue;
    // still covered by the wildcard: the client cannot know whether it exists, so it is told (case 59)
    if (wants(wanted, name)) owed.add(name);
    else owed.delete(name);
  }
  const lingering = state.lingering.size === 0 ? state.lingering : keepNames(state.lingering, (name) => !dropped(name));
  return { ...state, wanted, owed, lingering };

  function dropped(name: string): boolean {
    return wants(before, name) && !wants(wanted, name);
  }
}

/** Types whose names may be asked for by prefix (case A17). */
const takePrefixes: ReadonlySet<XdsType> = new Set<XdsType>(['clusters', 'endpoints', 'listeners', 'routes']);

/** `team/` for `team/*`. */
function prefixOf(type: XdsType, name: string): string | undefined {
  return name.endsWith('/*') && takePrefixes.has(type) ? name.slice(0, -1) : undefined;
}

function keepNames(lingering: TypeState['lingering'], keep: (name: string) => boolean): TypeState['lingering'] {
  return new Map([...lingering].filter(([name]) => keep(name)));
}

/**
 * What has to be said to a client of this state about `current`. `mayRemove`: nothing that the client holds may still
 * name what went away.
 */
export function answerDelta(state: TypeState, current: TypeSnapshot, mayRemove: boolean): Answer {
  const { told } = state;
  if (told === undefined) return firstAnswer(state, current, mayRemove);
  if (told === current && state.owed.size === 0 && state.lingering.size === 0) return { state, content: undefined };
  const { wanted } = state;
  const diff = diffTypes(told, current);
  const changed = wanted.wildcard ? diff.changed : diff.changed.filter(({ name }) => wants(wanted, name));
  const gone = new Map([...state.lingering].filter(([name]) => !current.resources.has(name)));
  for (const resource of diff.removed) if (wants(wanted, resource.name)) gone.set(resource.name, resource);
  const { resources, missing } = payDebts(state, changed, current);
  return answerOf(state, current, resources, missing, gone, mayRemove);
}

/** Asked-for names: sent if they exist, reported if they do not (case 54). */
function payDebts(
  { owed, wanted }: TypeState,
  changed: readonly EncodedResource[],
  { resources }: TypeSnapshot,
): { resources: readonly EncodedResource[]; missing: string[] } {
  if (owed.size === 0) return { resources: changed, missing: [] };
  const all = new Set(changed);
  const missing: string[] = [];
  for (const name of owed) {
    if (!wants(wanted, name)) continue;
    const resource = resources.get(name);
    if (resource === undefined) missing.push(name);
    else all.add(resource);
  }
  return { resources: [...all], missing };
}

/** Against what the client said to hold (cases 63, 64). A wildcard is answered even with nothing (case 51). */
function firstAnswer(state: TypeState, current: TypeSnapshot, mayRemove: boolean): Answer {
  const { wanted, initialVersions, owed } = state;
  const all = wantedOf(wanted, current);
  const isHeld = ({ name, version }: EncodedResource) => initialVersions.get(name) === version && !owed.has(name);
  const resources = initialVersions.size === 0 ? all : all.filter((resource) => !isHeld(resource));
  const missing = [...wanted.names].filter((name) => !current.resources.has(name) && !initialVersions.has(name));
  const gone = new Map<string, EncodedResource | undefined>();
  for (const name of initialVersions.keys()) {
    if (!current.resources.has(name) || !wants(wanted, name)) gone.set(name, undefined);
  }
  const answer = answerOf(state, current, resources, missing, gone, mayRemove);
  if (answer.content !== undefined || !wanted.wildcard) return answer;
  const version = versionOf(current, answer.state.lingering);
  return { ...answer, content: { version, resources: [], removed: [], news: [] } };
}

function answerOf(
  state: TypeState,
  current: TypeSnapshot,
  resources: readonly EncodedResource[],
  missing: readonly string[],
  gone: TypeState['lingering'],
  mayRemove: boolean,
): Answer {
  const lingering = mayRemove ? nothingLingers : keepNames(gone, (name) => !missing.includes(name));
  // a client knows what it holds by its own name
  const known = [...gone].map(([name, resource]) => resource?.aliasOf ?? name);
  const removed = mayRemove ? [...new Set([...missing, ...known])] : [...missing];
  const needed = resources.length > 0 || removed.length > 0;
  const version = versionOf(current, lingering);
  return {
    state: toldOf(state, current, lingering),
    content: needed ? { version, resources, removed, news: resources } : undefined,
  };
}
