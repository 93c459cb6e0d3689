/** What the xDS streams did since the start of the process, for metrics. */
import { ofEachType } from '../../proto/type-urls.ts';
import type { StreamInfo, Variant, XdsType } from '../xds/ports.ts';

export interface TypeCounts {
  readonly responses: number;
  readonly acks: number;
  readonly nacks: number;
  /** Of responses, without HTTP/2 framing. */
  readonly bytes: number;
}

export interface FleetStats {
  readonly nodesConnected: number;
  /** Gone, but still listed. */
  readonly nodesDisconnected: number;
  readonly streamsOpen: Readonly<Record<Variant, number>>;
  readonly streamsOpened: Readonly<Record<Variant, number>>;
  readonly types: Readonly<Record<XdsType, TypeCounts>>;
}

type Counts = { -readonly [K in keyof TypeCounts]: number };

export class Counters {
  readonly #open: Record<Variant, number> = { delta: 0, sotw: 0 };
  readonly #opened: Record<Variant, number> = { delta: 0, sotw: 0 };
  readonly #types: Record<XdsType, Counts> = ofEachType(() => ({ responses: 0, acks: 0, nacks: 0, bytes: 0 }));

  opened({ variant }: StreamInfo): void {
    this.#open[variant] += 1;
    this.#opened[variant] += 1;
  }

  closed({ variant }: StreamInfo): void {
    this.#open[variant] -= 1;
  }

  add(type: XdsType, what: keyof TypeCounts, amount = 1): void {
    this.#types[type][what] += amount;
  }

  stats(nodesConnected: number, nodesDisconnected: number): FleetStats {
    return {
      nodesConnected,
      nodesDisconnected,
      streamsOpen: { ...this.#open },
      streamsOpened: { ...this.#opened },
      types: structuredClone(this.#types),
    };
  }
}
