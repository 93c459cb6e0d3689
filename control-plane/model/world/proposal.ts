import type { Change } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import type { Typed } from '../specs.ts';

/** A write as the checks see it. */
export interface Proposal {
  readonly before: DocumentSet;
  readonly after: DocumentSet;
  /** By `keyId`. */
  readonly changed: ReadonlyMap<string, Change>;
  /** What the write puts, in its order. */
  readonly put: readonly Typed[];
}
