/** What one client has of one type, resource by resource, from the state of its stream. Pure (case A19). */
import type { EncodedResource, TypeSnapshot } from '../snapshot/snapshot.ts';
import type { Deliveries, Refusal } from './deliveries.ts';
import { type TypeState, wantedOf } from './type-state.ts';

export type ConfigStatus = 'SYNCED' | 'NOT_SENT' | 'STALE' | 'ERROR';

export interface ResourceStatus {
  readonly name: string;
  /** As it was sent last; undefined while it is not sent. */
  readonly resource: EncodedResource | undefined;
  /** The server's view, an envoy.service.status.v3.ConfigStatus. */
  readonly config: ConfigStatus;
  /** What the client said of it, an envoy.admin.v3.ClientResourceStatus. */
  readonly client: 'ACKED' | 'NACKED' | 'REQUESTED';
  readonly refusal: Refusal | undefined;
}

/** `current`: what the client's group is served now; undefined for a group that does not exist (yet). */
export function* statusesOf(
  state: TypeState,
  { pending, refused }: Deliveries,
  current: TypeSnapshot | undefined,
): Generator<ResourceStatus> {
  const { wanted, told, owed, lingering } = state;
  const awaited = new Map<string, string>();
  for (const { content } of pending) for (const { name, version } of content.news) awaited.set(name, version);

  const sent = told === undefined ? [] : wantedOf(wanted, told).filter(({ name }) => !owed.has(name));
  const held = [...lingering.values()].filter((resource) => resource !== undefined);
  const named = new Set<string>();
  for (const resource of [...sent, ...held]) {
    named.add(resource.name);
    yield statusOf(resource, awaited.get(resource.name), refused.get(resource.name));
  }
  const rest = current === undefined ? [] : wantedOf(wanted, current).map(({ name }) => name);
  for (const name of new Set([...rest, ...wanted.names])) {
    if (named.has(name)) continue;
    yield { name, resource: undefined, config: 'NOT_SENT', client: 'REQUESTED', refusal: undefined };
  }
}

function statusOf(
  resource: EncodedResource,
  awaited: string | undefined,
  refusal: Refusal | undefined,
): ResourceStatus {
  const { name, version } = resource;
  if (awaited === version) return { name, resource, config: 'STALE', client: 'REQUESTED', refusal };
  // a refusal of another version than the one that the client holds by now is over
  if (refusal?.version === version) return { name, resource, config: 'ERROR', client: 'NACKED', refusal };
  return { name, resource, config: 'SYNCED', client: 'ACKED', refusal: undefined };
}
