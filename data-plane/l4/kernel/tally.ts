/** Pure: what nft has counted, turned into what came on top since the last time, by listener's port and endpoint. */
import type { Count } from './read-back.ts';

export interface Flowed {
  /** `port . address . port`: where the client went, and who served it. */
  readonly key: string;
  readonly flows: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

type Counts = ReadonlyMap<string, Count>;

/** Of one protocol and family. */
export class Tally {
  #flows: Counts | null;
  #traffic: Counts = new Map();

  /** @param fresh the counters begin with this node; else what they have when they are first seen is not its own */
  constructor(fresh: boolean) {
    this.#flows = fresh ? new Map() : null;
  }

  take(flows: Counts, traffic: Counts): readonly Flowed[] {
    const before = this.#flows;
    const trafficBefore = this.#traffic;
    this.#flows = flows;
    this.#traffic = traffic;
    if (before === null) return [];
    const bytes = (key: string): number => grown(trafficBefore.get(key)?.bytes, traffic.get(key)?.bytes);
    return [...flows]
      .map(([key, { packets }]) => ({
        key,
        flows: grown(before.get(key)?.packets, packets),
        sentBytes: bytes(`original . ${key}`),
        receivedBytes: bytes(`reply . ${key}`),
      }))
      .filter((one) => one.flows + one.sentBytes + one.receivedBytes > 0);
  }
}

/** A counter that was taken away and came again begins at 0. */
function grown(before = 0, now = 0): number {
  return now >= before ? now - before : now;
}
