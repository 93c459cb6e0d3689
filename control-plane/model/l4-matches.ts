/** Which connections of its listener an L4Route takes, as Envoy tells filter chains apart. */
import type { L4RouteSpec, Typed } from './specs.ts';

type Route = Typed<'L4Route'>;

const any = [''];

/** What a route without `sources` says. */
const allSources: readonly string[] = ['0.0.0.0/0', '::/0'];

/** A name, a protocol and a range of sources that two routes share. */
export interface L4Match {
  /** Empty: any, and none; the same of `alpn`. */
  readonly serverName: string;
  readonly alpn: string;
  readonly source: string;
}

interface Taker {
  readonly route: Route;
  readonly alpn: ReadonlySet<string>;
  readonly sources: ReadonlySet<string>;
}

/** The routes of a listener, for those to come: nothing could tell two apart that share a match, and Envoy refuses them. */
export class L4Takers {
  readonly #byName = new Map<string, Taker[]>();

  /** The first that was added of those that share a match with the route, and that match. */
  holderOf({ spec }: Route): { readonly route: Route; readonly match: L4Match } | undefined {
    const protocols = said(spec.alpn);
    const sources = sourcesOf(spec);
    for (const serverName of said(spec.serverNames)) {
      for (const taker of this.#byName.get(serverName) ?? []) {
        const alpn = protocols.find((protocol) => taker.alpn.has(protocol));
        const source = alpn === undefined ? undefined : sources.find((range) => taker.sources.has(range));
        if (alpn !== undefined && source !== undefined)
          return { route: taker.route, match: { serverName, alpn, source } };
      }
    }
    return undefined;
  }

  add(route: Route): void {
    const { serverNames, alpn } = route.spec;
    const taker = { route, alpn: new Set(said(alpn)), sources: new Set(sourcesOf(route.spec)) };
    for (const name of said(serverNames)) {
      const takers = this.#byName.get(name);
      if (takers === undefined) this.#byName.set(name, [taker]);
      else takers.push(taker);
    }
  }
}

function said(list: readonly string[]): readonly string[] {
  return list.length === 0 ? any : list;
}

export function sourcesOf({ sources }: Pick<L4RouteSpec, 'sources'>): readonly string[] {
  return sources.length === 0 ? allSources : sources;
}
