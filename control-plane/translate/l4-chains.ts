/** Which filter chains stand for the L4Routes of a listener. */
import type { Typed } from '../model/specs.ts';

type Route = Typed<'L4Route'>;

export interface L4Chain {
  readonly route: Route;
  readonly serverNames: readonly string[];
  readonly alpn: readonly string[];
  readonly sources: readonly string[];
}

/**
 * One for each route, and more for the one without conditions. Envoy looks for the name first, then for the protocol, then
 * for the source, each time the most specific, and never goes back: where a name is known and no source fits, it would
 * close the connection. Chains of its own for these cases make the route without conditions serve whatever no other does.
 * (Envoy's default chain would do that, too, and let in whom the trusted sources of PROXY headers keep out.)
 */
export function l4Chains(routes: readonly Route[]): L4Chain[] {
  const chains = routes.map((route): L4Chain => {
    const { serverNames, alpn, sources } = route.spec;
    return { route, serverNames, alpn, sources };
  });
  const rest = routes.find(({ spec }) => spec.serverNames.length + spec.alpn.length + spec.sources.length === 0);
  return rest === undefined ? chains : [...chains, ...openEnds(routes).map((ends) => ({ route: rest, ...ends }))];
}

const any = '';

function said(list: readonly string[]): readonly string[] {
  return list.length === 0 ? [any] : list;
}

/** Names with protocols at which Envoy arrives, and where it may find no source. */
function openEnds(routes: readonly Route[]): Omit<L4Chain, 'route'>[] {
  /** By name, then by protocol: whether every source is served there. */
  const ends = new Map<string, Map<string, boolean>>();
  for (const { spec } of routes) {
    for (const name of said(spec.serverNames)) {
      const protocols = ends.get(name) ?? new Map<string, boolean>([[any, false]]);
      ends.set(name, protocols);
      for (const protocol of said(spec.alpn)) {
        protocols.set(protocol, protocols.get(protocol) === true || spec.sources.length === 0);
      }
    }
  }
  const open = [...ends].flatMap(([name, protocols]) =>
    [...protocols].flatMap(([protocol, isServed]) => (isServed ? [] : { name, protocol })),
  );
  return [...Map.groupBy(open, ({ name, protocol }) => `${name === any} ${protocol}`).values()].map((group) => ({
    serverNames: group.flatMap(({ name }) => (name === any ? [] : name)).sort(),
    alpn: group[0]!.protocol === any ? [] : [group[0]!.protocol],
    sources: [],
  }));
}
