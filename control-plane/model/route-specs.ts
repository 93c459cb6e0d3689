/** What Route documents say of affinity and of endpoints by label; specs.ts has the rest. */
import type { Reference } from './specs.ts';

export interface DestinationSpec {
  readonly cluster: Reference;
  readonly weight: number;
  /** Only endpoints with these labels; `null`: any. */
  readonly subset: Readonly<Record<string, string>> | null;
}

/** `hash`, `sticky`, or both: then the hash says who is first. */
export interface AffinitySpec {
  /** In order; empty: none. */
  readonly hash: readonly HashKeySpec[];
  /** All that yield something are mixed; else the first one counts. */
  readonly combine: boolean;
  readonly sticky: StickySpec | null;
}

export type HashKeySpec =
  /** Lower-case. */
  | { readonly header: string }
  | { readonly cookie: CookieKeySpec }
  | { readonly query: string }
  /** Without the query. */
  | { readonly path: true }
  /** The client's address. */
  | { readonly source: true };

export interface CookieKeySpec {
  readonly name: string;
  /** Of one that is made where none came; 0: until the client closes; `null`: none is made. */
  readonly ttlMs: number | null;
  readonly path: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export type StickySpec = (StickyCookieSpec | { readonly header: string }) & {
  /** Nobody else serves in the place of an endpoint that is gone. */
  readonly strict: boolean;
  /** By a key of the nodes. */
  readonly signed: boolean;
};

export interface StickyCookieSpec {
  readonly cookie: string;
  /** 0: until the client closes. */
  readonly ttlMs: number;
  readonly path: string;
  readonly attributes: Readonly<Record<string, string>>;
}
