/** L4Routes of one listener that want the same connections, or cannot stand side by side. */
import { CidrHolders } from '../cidr.ts';
import { describeKey, keyId, type Problem } from '../document.ts';
import { type L4Match, L4Takers, sourcesOf } from '../l4-matches.ts';
import { compareAge } from '../order.ts';
import { type Fault, type Path, pointerInto, problemAt } from '../problems.ts';
import type { L4RouteSpec, SpecOf, Typed } from '../specs.ts';
import type { Proposal } from './proposal.ts';

type Route = Typed<'L4Route'>;

/** One problem for each route that comes second, and for each listener that becomes one of udp and whose routes differ. */
export function l4Conflicts(proposal: Proposal): Problem[] {
  const routes = proposal.put.filter((document): document is Route => document.kind === 'L4Route');
  const ofRoutes = [...Map.groupBy(routes, ({ spec }) => spec.listener)].flatMap(([name, written]) => {
    const { protocol } = proposal.after.get('Listener', undefined, name)?.spec ?? {};
    const onListener = routesOn(proposal, name);
    const holders = holdersOf(onListener, new Set(written), proposal.changed);
    const clients = protocol === 'tls-passthrough' ? undefined : clientsOf(onListener);
    return written.flatMap((route): Problem[] => {
      const found =
        holders.get(route) ??
        (clients && foreignClients(proposal, route, clients)) ??
        (protocol === 'udp' ? otherSettings(proposal, route, onListener) : undefined);
      if (found === undefined) return [];
      const pointer = pointerInto(route.document.spec, found.path);
      return [problemAt(route.document, pointer, { code: 'conflict', ...found.fault })];
    });
  });
  return [...ofRoutes, ...proposal.put.flatMap((put) => (put.kind === 'Listener' ? unlikeRoutes(proposal, put) : []))];
}

function routesOn({ after }: Proposal, name: string): Route[] {
  const referrers = [...after.referrers({ kind: 'Listener', name })];
  return referrers.filter((other): other is Route => other.kind === 'L4Route');
}

/** Routes that are written are told themselves. */
function unlikeRoutes(proposal: Proposal, { document, spec }: Typed<'Listener'>): Problem[] {
  if (spec.protocol !== 'udp') return [];
  const left = routesOn(proposal, document.name).filter((route) => !proposal.changed.has(keyId(route.document)));
  const unlike = left.map((route) => otherSettings(proposal, route, left)).find((found) => found !== undefined);
  return unlike === undefined ? [] : [problemAt(document, '/spec/protocol', { code: 'conflict', ...unlike.fault })];
}

interface Conflict {
  readonly path: Path;
  readonly fault: Fault;
}

/** Who was there before keeps it; of two that come together, the older by their order. */
function comesBefore(other: Route, route: Route, changed: Proposal['changed']): boolean {
  const [otherIsNew, isNew] = [other, route].map(({ document }) => changed.has(keyId(document)));
  return otherIsNew === isNew ? compareAge(other, route) < 0 : otherIsNew !== true;
}

/** Of those that are written: whose connections they want. */
function holdersOf(
  routes: readonly Route[],
  written: ReadonlySet<Route>,
  changed: Proposal['changed'],
): ReadonlyMap<Route, Conflict> {
  const takers = new L4Takers();
  const conflicts = new Map<Route, Conflict>();
  for (const route of routes.toSorted((a, b) => (comesBefore(a, b, changed) ? -1 : 1))) {
    const holder = written.has(route) ? takers.holderOf(route) : undefined;
    if (holder !== undefined) conflicts.set(route, sameMatch(route, holder.route, holder.match));
    takers.add(route);
  }
  return conflicts;
}

function sameMatch({ spec }: Route, holder: Route, match: L4Match): Conflict {
  const detail = `Listener ${spec.listener} already hands ${describe(match)} to ${describeKey(holder.document)}.`;
  const remedy = 'Add the clusters to `to` of that one, take other names, protocols or sources, or another listener.';
  return { path: placeOf(spec, match), fault: { detail, remedy } };
}

function describe({ serverName, alpn, source }: L4Match): string {
  const words = [
    serverName === '' ? 'connections of any name' : `connections for ${serverName}`,
    ...(alpn === '' ? [] : [`that offer ${alpn}`]),
    ...(source === '0.0.0.0/0' || source === '::/0' ? [] : [`from ${source}`]),
  ];
  return serverName === '' && words.length === 1 ? 'all other connections' : words.join(' ');
}

function placeOf({ serverNames, alpn, sources }: L4RouteSpec, match: L4Match): Path {
  if (serverNames.length > 0) return ['serverNames', serverNames.indexOf(match.serverName)];
  if (alpn.length > 0) return ['alpn', alpn.indexOf(match.alpn)];
  return sources.length > 0 ? ['sources', sources.indexOf(match.source)] : ['listener'];
}

/**
 * Where no names are claimed, the narrower range wins: a tenant could take away another's clients. The platform may, and
 * a route that stays as it was is not asked again.
 */
function foreignClients({ before }: Proposal, route: Route, clients: CidrHolders<Route>): Conflict | undefined {
  const { tenant, kind, name } = route.document;
  if (tenant === undefined) return undefined;
  const previous = before.get(kind, tenant, name) as Route | undefined;
  const { listener, sources } = route.spec;
  if (previous?.spec.listener === listener && previous.spec.sources.join() === sources.join()) return undefined;
  const holder = clients.otherThan(tenant, sourcesOf(route.spec));
  if (holder === undefined) return undefined;
  const detail = `Some of these clients of Listener ${listener} are those of ${describeKey(holder.document)}.`;
  const remedy = 'Write `sources` that it does not have, or use another listener.';
  return { path: sources.length === 0 ? ['listener'] : ['sources'], fault: { detail, remedy } };
}

/** Which clients the routes take. Those of one tenant, or of the platform, are no strangers to each other. */
function clientsOf(routes: readonly Route[]): CidrHolders<Route> {
  return new CidrHolders(
    routes,
    ({ spec }) => sourcesOf(spec),
    ({ document }) => document.tenant,
  );
}

const ofListener = {
  idleTimeout: ({ idleTimeoutMs }) => idleTimeoutMs,
  hash: ({ hash }) => hash,
  perPacket: ({ perPacket }) => perPacket,
  datapath: ({ datapath }) => datapath,
} satisfies Readonly<Record<string, (spec: SpecOf['L4Route']) => unknown>>;

/** One proxy serves all routes of a udp listener: they differ in whom they take, and in where that goes. */
function otherSettings({ changed }: Proposal, route: Route, all: readonly Route[]): Conflict | undefined {
  for (const [field, read] of Object.entries(ofListener)) {
    const other = all.find((one) => read(one.spec) !== read(route.spec) && comesBefore(one, route, changed));
    if (other === undefined) continue;
    const detail = `${describeKey(other.document)} has another \`${field}\`; the routes of a udp listener have one.`;
    const remedy = 'Write the same in all of them, in one apply, or use another listener.';
    return { path: [field], fault: { detail, remedy } };
  }
  return undefined;
}
