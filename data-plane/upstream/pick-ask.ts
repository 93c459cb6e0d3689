/** What a request asks of the choice of its endpoint. */
import type { Hash64 } from '../../proto/hashing/hash64.ts';
import type { Host } from './host.ts';

export interface PickAsk {
  /** What hashing policies go by; null: chance. */
  readonly hash: Hash64 | null;
  /** Only endpoints with these labels; null: any. */
  readonly subset: Readonly<Record<string, string>> | null;
  /** Key of the endpoint that the client is bound to; empty: none. */
  readonly bound: string;
  /** Nobody else will do. */
  readonly boundOnly: boolean;
  /** Endpoints of earlier tries, and how often another is drawn in place of one of them. */
  readonly tried: readonly Host[];
  readonly hostSelections: number;
}
