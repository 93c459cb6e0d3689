/** Which connections of its listener an L4Route takes, as Envoy tells filter chains apart. */
import type { L4RouteSpec } from './specs.ts';

type Conditions = Pick<L4RouteSpec, 'serverNames' | 'alpn' | 'sources'>;

/** What a route without `sources` says. */
const allSources = ['0.0.0.0/0', '::/0'];

const any = [''];

function said(list: readonly string[], else_: readonly string[] = any): readonly string[] {
  return list.length === 0 ? else_ : list;
}

export interface L4Match {
  /** Empty: any, and none; the same of `alpn`. */
  readonly serverName: string;
  readonly alpn: string;
  readonly source: string;
}

/**
 * Every combination of a name, a protocol and a range of sources; at most `limits.matchesPerL4Route` or twice that. Two
 * routes that share one cannot be told apart, and Envoy refuses them.
 */
export function matchesOf({ serverNames, alpn, sources }: Conditions): L4Match[] {
  return said(serverNames).flatMap((serverName) =>
    said(alpn).flatMap((protocol) =>
      said(sources, allSources).map((source) => ({ serverName, alpn: protocol, source })),
    ),
  );
}

export function matchKey({ serverName, alpn, source }: L4Match): string {
  return `${serverName} ${alpn} ${source}`;
}
