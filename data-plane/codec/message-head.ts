/** The head of a request or an answer as the proxy sees it, whichever version of HTTP it came in. */
import type { FieldLike } from '../../proto/http2/field.ts';
import type { Drops } from './known-headers.ts';
import type { Out } from './out.ts';

export type HeaderPair = readonly [name: string, value: string];

/** Valid during the callback that hands it over only. */
export interface MessageHead {
  /** Of an answer. */
  readonly status: number;
  /** Bytes; -1: not said. */
  readonly contentLength: number;
  readonly hasDate: boolean;
  /** A header of this kind is there. */
  has(kind: number): boolean;
  /** The values of all lines with this lower-case name, in order. */
  lines(name: string): readonly string[];
  /** The value of the first one, or empty. */
  first(name: string): string;
  /**
   * The lines that pass, as HTTP/1.1 writes them.
   * @param withRequestLine as it was sent, before them; of a request that came in HTTP/1.1 alone
   * @param named lower-case names of further lines that do not pass
   */
  writeLines(out: Out, withRequestLine: boolean, drops: Drops, named: ReadonlySet<string> | null): void;
  /** The pseudo-header of HTTP/2 for this path: the very one that came, if it says the same. */
  pathField(path: string): FieldLike;
  /** The same as fields of HTTP/2. */
  addFields(to: FieldLike[], drops: Drops, named: ReadonlySet<string> | null): void;
}
