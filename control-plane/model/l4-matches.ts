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
  /** Those that ask for no name, which may be all of a listener, by source. */
  readonly #unnamed = new Map<string, Taker[]>();

  /** One that was added and shares a match with the route, and that match. */
  holderOf({ spec }: Route): { readonly route: Route; readonly match: L4Match } | undefined {
    const protocols = said(spec.alpn);
    const sources = sourcesOf(spec);
    for (const serverName of said(spec.serverNames)) {
      for (const source of sources) {
        const takers = serverName === '' ? this.#unnamed.get(source) : this.#byName.get(serverName);
        for (const { route, alpn: taken, sources: from } of takers ?? []) {
          const alpn = from.has(source) ? protocols.find((protocol) => taken.has(protocol)) : undefined;
          if (alpn !== undefined) return { route, match: { serverName, alpn, source } };
        }
      }
    }
    return undefined;
  }

  add(route: Route): void {
    const { serverNames, alpn } = route.spec;
    const taker = { route, alpn: new Set(said(alpn)), sources: new Set(sourcesOf(route.spec)) };
    if (serverNames.length === 0) for (const source of taker.sources) append(this.#unnamed, source, taker);
    for (const name of serverNames) append(this.#byName, name, taker);
  }
}

function append(takers: Map<string, Taker[]>, key: string, taker: Taker): void {
  const there = takers.get(key);
  if (there === undefined) takers.set(key, [taker]);
  else there.push(taker);
}

function said(list: readonly string[]): readonly string[] {
  return list.length === 0 ? any : list;
}

export function sourcesOf({ sources }: Pick<L4RouteSpec, 'sources'>): readonly string[] {
  return sources.length === 0 ? allSources : sources;
}
