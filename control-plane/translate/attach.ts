/** Which listeners a group has, and which routes stand behind each. */
import { keyId } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { L4Takers } from '../model/l4-matches.ts';
import { compareAge } from '../model/order.ts';
import type { Typed } from '../model/specs.ts';
import { carriageOf, carrierOf, carries } from '../model/world/carriers.ts';
import { isForGrpc } from '../model/world/grpc-clients.ts';
import { compareText, type Findings } from './resources.ts';

/** The listeners that name the group, in name order. */
export function listenersOf(documents: DocumentSet, group: string): Typed<'Listener'>[] {
  return [...documents.all('Listener')]
    .filter(({ spec }) => spec.groups.includes(group))
    .toSorted((a, b) => compareText(a.document.name, b.document.name));
}

/** The http, https or api listeners among `listeners` behind which a route stands; one that turns it away is noted. */
export function carriersOf(
  documents: DocumentSet,
  route: Typed<'Route'>,
  listeners: readonly Typed<'Listener'>[],
  findings: Findings,
): Typed<'Listener'>[] {
  const named = route.spec.listeners;
  readCarriages(documents, route, findings);
  return listeners.filter((listener) => {
    const { name } = listener.document;
    if (named !== null && !named.includes(name)) return false;
    readRoute(findings, route);
    const carrier = carrierOf(listener.spec.protocol);
    const isOpen = isOpenTo(documents, listener, route.document.tenant);
    if (carrier === undefined || !carries(carrier, documents, route)) {
      if (isOpen && carrier === 'api' && isForGrpc(documents, route)) noteUnfit(findings, route, name);
      return false;
    }
    if (!isOpen && named !== null) noteClosed(findings, route, name);
    return isOpen;
  });
}

/**
 * The L4Routes of a listener, the oldest first. One that wants what an older one has is left out, and noted: an Envoy
 * would refuse the listener.
 */
export function attachL4Routes(
  documents: DocumentSet,
  listener: Typed<'Listener'>,
  findings: Findings,
): Typed<'L4Route'>[] {
  const { name } = listener.document;
  const candidates = [...documents.referrers(listener.document)]
    .filter((one): one is Typed<'L4Route'> => one.kind === 'L4Route')
    .toSorted(compareAge);
  const takers = new L4Takers();
  return candidates.filter((route) => {
    readRoute(findings, route);
    if (!isOpenTo(documents, listener, route.document.tenant)) {
      noteClosed(findings, route, name);
      return false;
    }
    const holder = takers.holderOf(route)?.route;
    if (holder === undefined) {
      takers.add(route);
      return true;
    }
    const detail = `listener ${name} already gives such connections to the older L4Route ${holder.document.name}; this one is not served`;
    findings.note(route.document, detail);
    return false;
  });
}

/** The platform's own routes may stand on every listener; a tenant's where both the listener and its caps allow it. */
function isOpenTo(documents: DocumentSet, { document, spec }: Typed<'Listener'>, tenant: string | undefined): boolean {
  if (tenant === undefined) return true;
  const owner = documents.get('Tenant', undefined, tenant);
  if (owner === undefined) return false;
  if (spec.tenants !== 'any' && !spec.tenants.includes(tenant)) return false;
  return owner.spec.caps.listeners?.includes(document.name) ?? true;
}

/** A route's place and timeout hang on its tenant too. */
function readRoute(findings: Findings, { document }: Typed<'Route' | 'L4Route'>): void {
  findings.read(document);
  if (document.tenant !== undefined) findings.read({ kind: 'Tenant', name: document.tenant });
}

function readCarriages(documents: DocumentSet, { spec }: Typed<'Route'>, { carriages }: Findings): void {
  for (const { cluster } of spec.to) {
    const target = documents.get('Cluster', cluster.tenant, cluster.name);
    carriages.set(keyId({ kind: 'Cluster', ...cluster }), target && carriageOf(target));
  }
}

/** It would say why if it were named there. */
function noteUnfit(findings: Findings, route: Typed<'Route'>, listener: string): void {
  const detail = `says more than gRPC's own clients carry out; it is not served to them behind listener ${listener}`;
  findings.note(route.document, `the route ${detail}`);
}

function noteClosed(findings: Findings, route: Typed<'Route' | 'L4Route'>, listener: string): void {
  const detail = `listener ${listener} is not open to tenant ${route.document.tenant}; the route is not served there`;
  findings.note(route.document, detail);
}
