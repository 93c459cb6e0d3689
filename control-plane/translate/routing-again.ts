/** The front of a group after routes changed: only the hosts are made again that these stood on, or stand on now. */
import { type DocumentKey, keyId } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { orderRoutes } from '../model/order.ts';
import type { Reference, Typed } from '../model/specs.ts';
import { carriersOf } from './attach.ts';
import { Findings, type Front, type Host, type Routing } from './resources.ts';
import { hostOf, inNameOrder, resourcesOf, routesOf, targetsOf } from './routing.ts';

/**
 * `previous.fronts` is there. The same as translating from scratch, except that what was read before still counts as
 * read, which costs a look in vain at most. It costs what changed, so the sets and the index of `previous` are taken over
 * as they are: from then on they are this one's.
 */
export function translateRoutingAgain(
  documents: DocumentSet,
  previous: Routing & { readonly fronts: readonly Front[] },
  changedRoutes: readonly DocumentKey[],
): Routing {
  const isChanged = matcherOf(changedRoutes);
  const notes = previous.notes.filter(({ document }) => !(document.kind === 'Route' && isChanged(document)));
  const findings = new Findings(notes, previous.routingReads, previous.carriages);
  const listeners = previous.fronts.map(({ listener }) => listener);
  const stand = changedRoutes.flatMap(({ tenant, name }) => {
    const route = documents.get('Route', tenant, name);
    return route === undefined ? [] : { route, carriers: new Set(carriersOf(documents, route, listeners, findings)) };
  });

  const { hostsOfRoutes } = previous;
  const oldHosts = new Set(changedRoutes.flatMap((key) => hostsOfRoutes.get(keyId(key)) ?? []));
  for (const key of changedRoutes) hostsOfRoutes.delete(keyId(key));
  for (const { route, carriers } of stand) {
    if (carriers.size > 0) hostsOfRoutes.set(keyId(route.document), route.spec.hosts);
  }

  const left: Typed<'Route'>[] = [];
  const joined: Typed<'Route'>[] = [];
  const fronts = previous.fronts.map((front) => {
    const news = stand.flatMap(({ route, carriers }) => (carriers.has(front.listener) ? route : []));
    const touched = new Map<string, readonly Typed<'Route'>[]>();
    for (const host of [...oldHosts, ...news.flatMap(({ spec }) => spec.hosts)]) {
      touched.set(host, front.hosts.get(host)?.routes ?? []);
    }
    const made = Array.from(touched, ([host, before]): [string, Host | undefined] => {
      const stay = before.filter(({ document }) => !isChanged(document));
      const now = orderRoutes([...stay, ...news.filter(({ spec }) => spec.hosts.includes(host))]);
      left.push(...before);
      joined.push(...now);
      return [host, now.length === 0 ? undefined : hostOf(documents, front.listener, host, now)];
    });
    return made.length === 0 ? front : { ...front, hosts: replaced(front.hosts, made) };
  });
  return {
    ...previous,
    ...resourcesOf(fronts),
    ...{ fronts, notes: findings.notes, routingReads: findings.reads, carriages: findings.carriages },
    targets: targetsAgain(previous, fronts, targetsOf(left), targetsOf(joined)),
  };
}

function matcherOf(keys: readonly DocumentKey[]): (document: Omit<DocumentKey, 'kind'>) => boolean {
  const tenantsOf = new Map<string, Set<string | undefined>>();
  for (const { tenant, name } of keys) tenantsOf.set(name, (tenantsOf.get(name) ?? new Set()).add(tenant));
  return ({ tenant, name }) => tenantsOf.get(name)?.has(tenant) === true;
}

/** Undefined: the host is no more. */
function replaced(hosts: Front['hosts'], made: readonly (readonly [string, Host | undefined])[]): Front['hosts'] {
  const now = new Map(hosts);
  let isNew = false;
  for (const [host, value] of made) {
    isNew ||= !now.has(host);
    if (value === undefined) now.delete(host);
    else now.set(host, value);
  }
  return isNew ? inNameOrder(now) : now;
}

/** The same object as before if the routes lead where they led. */
function targetsAgain(
  { targets, l4Routes }: Routing,
  fronts: readonly Front[],
  left: ReadonlyMap<string, Reference>,
  joined: ReadonlyMap<string, Reference>,
): ReadonlyMap<string, Reference> {
  // whether others still lead there can only be known from all of them
  if ([...left.keys()].some((name) => !joined.has(name))) return targetsOf([...routesOf(fronts), ...l4Routes]);
  return [...joined.keys()].every((name) => targets.has(name)) ? targets : new Map([...targets, ...joined]);
}
