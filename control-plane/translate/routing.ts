/** The front of a group: its listeners, the routes behind them, and which clusters those name. */
import { routeConfigurationName, virtualHostName } from '../../proto/names.ts';
import { keyId } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { orderRoutes } from '../model/order.ts';
import type { Reference, Typed } from '../model/specs.ts';
import { carrierOf } from '../model/world/carriers.ts';
import { apiListeners } from './api-listeners.ts';
import { attachL4Routes, carriersOf, listenersOf } from './attach.ts';
import { tcpListener } from './l4-listeners.ts';
import { httpListener } from './listeners.ts';
import { compareText, Findings, type Front, type GroupResource, type Host, keyOf, type Routing } from './resources.ts';
import { routeConfiguration, virtualHost } from './routes.ts';
import { secretsOf } from './secrets.ts';
import { udpListener } from './udp-listeners.ts';
import { nameOf } from './wire.ts';

export function translateRouting(documents: DocumentSet, group: string): Routing {
  const findings = new Findings();
  const listeners: GroupResource<'listeners'>[] = [];
  const fronts: Front[] = [];
  const l4Routes: Typed<'L4Route'>[] = [];

  const ofGroup = listenersOf(documents, group);
  const attached = attachRoutes(documents, ofGroup, findings);
  for (const listener of ofGroup) {
    const { name } = listener.document;
    const source = keyOf(listener.document);
    findings.read(source);
    if (listener.spec.protocol === 'http' || listener.spec.protocol === 'https') {
      listeners.push({ name, message: httpListener(listener), source });
      fronts.push(frontOf(documents, listener, attached.get(name) ?? []));
      continue;
    }
    if (listener.spec.protocol === 'api') continue;
    const routes = attachL4Routes(documents, listener, findings);
    if (routes.length === 0) {
      findings.note(source, `no L4Route stands behind this ${listener.spec.protocol} listener; it is not served`);
      continue;
    }
    const message = listener.spec.protocol === 'udp' ? udpListener(listener, routes) : tcpListener(listener, routes);
    listeners.push({ name, message, source });
    l4Routes.push(...routes);
  }
  const api = ofGroup.filter(({ spec }) => spec.protocol === 'api');
  // a host is one resource, whichever of the group's api listeners its routes stand on
  const byApi = new Set(api.flatMap(({ document }) => attached.get(document.name) ?? []));
  const [first] = api;
  if (first !== undefined) {
    const taken = new Set(listeners.map(({ name }) => name));
    listeners.push(...apiListeners(documents, first, byApi, taken, findings));
    listeners.sort((a, b) => compareText(a.name, b.name));
  }
  const secrets = secretsOf(documents, ofGroup, findings);
  const { notes, reads: routingReads, carriages } = findings;
  const targets = targetsOf([...routesOf(fronts), ...l4Routes]);
  const ofApi = targetsOf([...byApi]);
  return {
    ...{ listeners, secrets, ...resourcesOf(fronts), targets: new Map([...targets, ...ofApi]) },
    grpcTargets: new Set([...ofApi.keys()].filter((name) => !targets.has(name))),
    ...{ notes, routingReads, carriages, fronts: first === undefined ? fronts : undefined, l4Routes },
    hostsOfRoutes: new Map(routesOf(fronts).map(({ document, spec }) => [keyId(document), spec.hosts])),
  };
}

/** Routes by the name of their http, https or api listener, in no promised order. */
function attachRoutes(
  documents: DocumentSet,
  listeners: readonly Typed<'Listener'>[],
  findings: Findings,
): Map<string, Typed<'Route'>[]> {
  const carriers = listeners.filter(({ spec }) => carrierOf(spec.protocol) !== undefined);
  const attached = new Map(carriers.map(({ document }) => [document.name, [] as Typed<'Route'>[]]));
  for (const route of documents.all('Route')) {
    for (const { document } of carriersOf(documents, route, carriers, findings))
      attached.get(document.name)?.push(route);
  }
  return attached;
}

function frontOf(documents: DocumentSet, listener: Typed<'Listener'>, attached: readonly Typed<'Route'>[]): Front {
  const byHost = new Map<string, Typed<'Route'>[]>();
  for (const route of orderRoutes(attached)) {
    for (const host of route.spec.hosts) {
      const routes = byHost.get(host) ?? [];
      byHost.set(host, routes);
      routes.push(route);
    }
  }
  const hosts = Array.from(byHost, ([host, routes]) => [host, hostOf(documents, listener, host, routes)] as const);
  return { listener, hosts: inNameOrder(hosts) };
}

/** `ordered`: at least one, in the order in which they are tried. */
export function hostOf(
  documents: DocumentSet,
  listener: Typed<'Listener'>,
  host: string,
  ordered: readonly Typed<'Route'>[],
): Host {
  const name = virtualHostName(routeConfigurationName(listener.document.name), host);
  const source = keyOf(ordered[0]?.document ?? listener.document);
  return { routes: ordered, resource: { name, message: virtualHost(documents, name, host, ordered), source } };
}

export function inNameOrder(hosts: Iterable<readonly [host: string, Host]>): Front['hosts'] {
  return new Map([...hosts].sort(([, a], [, b]) => compareText(a.resource.name, b.resource.name)));
}

/** What the fronts give: a RouteConfiguration each, and the virtual hosts of all of them. */
export function resourcesOf(fronts: readonly Front[]): Pick<Routing, 'routes' | 'virtualHosts'> {
  const routes = fronts.map(({ listener, hosts }) => ({
    name: routeConfigurationName(listener.document.name),
    message: routeConfiguration(listener),
    hosts: Array.from(hosts.values(), ({ resource }) => resource.name),
    source: keyOf(listener.document),
  }));
  const virtualHosts = fronts.flatMap(({ hosts }) => Array.from(hosts.values(), ({ resource }) => resource));
  return { routes, virtualHosts };
}

export function routesOf(fronts: readonly Front[]): Typed<'Route'>[] {
  return fronts.flatMap(({ hosts }) => Array.from(hosts.values(), ({ routes }) => routes).flat());
}

export function targetsOf(routes: readonly Typed<'Route' | 'L4Route'>[]): Map<string, Reference> {
  const targets = new Map<string, Reference>();
  for (const { spec } of routes) {
    for (const { cluster } of spec.to) targets.set(nameOf(cluster), cluster);
    if ('fallback' in spec && spec.fallback !== null) targets.set(nameOf(spec.fallback.cluster), spec.fallback.cluster);
  }
  return targets;
}
