/** The front of a group: its listeners, the routes behind them, and which clusters those name. */
import { routeConfigurationName } from '../../proto/names.ts';
import type { DocumentSet } from '../model/document-set.ts';
import type { Reference, Typed } from '../model/specs.ts';
import { apiListeners } from './api-listeners.ts';
import { attachL4Route, attachRoutes, listenersOf } from './attach.ts';
import { httpListener, tcpListener } from './listeners.ts';
import { compareText, Findings, type GroupResource, keyOf, type Routing } from './resources.ts';
import { routeConfiguration } from './routes.ts';
import { nameOf } from './wire.ts';

export function translateRouting(documents: DocumentSet, group: string): Routing {
  const findings = new Findings();
  const listeners: GroupResource<'listeners'>[] = [];
  const routes: GroupResource<'routes'>[] = [];
  const targets = new Map<string, Reference>();

  const ofGroup = listenersOf(documents, group);
  const ofRoutes = ofGroup.filter(({ spec }) => spec.protocol !== 'tcp');
  const attached = attachRoutes(documents, ofRoutes, findings);
  for (const listener of ofGroup) {
    const { name } = listener.document;
    const source = keyOf(listener.document);
    findings.read(source);
    if (listener.spec.protocol === 'http') {
      const behind = attached.get(name) ?? [];
      listeners.push({ name, message: httpListener(listener), source });
      const message = routeConfiguration(documents, listener, behind);
      routes.push({ name: routeConfigurationName(name), message, source });
      for (const route of behind) addTargets(targets, route);
      continue;
    }
    if (listener.spec.protocol === 'api') continue;
    const route = attachL4Route(documents, listener, findings);
    if (route === undefined) {
      findings.note(source, 'no L4Route stands behind this tcp listener; it is not served');
      continue;
    }
    listeners.push({ name, message: tcpListener(listener, route), source });
    addTargets(targets, route);
  }
  const api = ofGroup.filter(({ spec }) => spec.protocol === 'api');
  const [first] = api;
  if (first !== undefined) {
    // a host is one resource, whichever of the group's api listeners its routes stand on
    const behind = new Set(api.flatMap(({ document }) => attached.get(document.name) ?? []));
    const taken = new Set(listeners.map(({ name }) => name));
    listeners.push(...apiListeners(documents, first, behind, taken, findings));
    listeners.sort((a, b) => compareText(a.name, b.name));
    for (const route of behind) addTargets(targets, route);
  }
  const { notes, reads: routingReads, protocols } = findings;
  return { listeners, routes, targets, notes, routingReads, protocols };
}

function addTargets(targets: Map<string, Reference>, { spec }: Typed<'Route' | 'L4Route'>): void {
  for (const { cluster } of spec.to) targets.set(nameOf(cluster), cluster);
}
