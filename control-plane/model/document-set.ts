/**
 * All documents at one revision, typed, with the few look-ups that checks and translation need. The store keeps one as
 * its in-memory replica; a proposal is an overlay of changes on it.
 */
import type { DocumentKey, Kind } from './document.ts';
import type { Typed } from './specs.ts';

export interface DocumentSet {
  /** The revision that this set shows. */
  readonly revision: number;
  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): Typed<K> | undefined;
  /** All of one kind, in no promised order. */
  all<K extends Kind>(kind: K): Iterable<Typed<K>>;
  /** All of one kind that one tenant owns (`undefined`: the platform's own). */
  ofTenant<K extends Kind>(kind: K, tenant: string | undefined): Iterable<Typed<K>>;
  /** All that name this document, a tenant's own documents included; costs what it yields, not what exists. */
  referrers(key: DocumentKey): Iterable<Typed>;
  /** Routes that list exactly this host (canonical form). */
  routesOfHost(host: string): Iterable<Typed<'Route'>>;
  readonly size: number;
}
