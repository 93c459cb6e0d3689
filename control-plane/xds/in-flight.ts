/**
 * How much of big responses is on its way out of this process at once. Responses that differ, if only by their nonce, are
 * each put together anew, so a change for a thousand streams could take a thousand times everything; instead the others
 * wait for a moment.
 */
import type { Timers } from './ports.ts';

export interface InFlightLimits {
  /** While more than this is on its way, nobody else gets a turn; bytes. */
  readonly bytes: number;
  /** Responses of fewer bytes count for nothing. */
  readonly bigBytes: number;
  /** Who has not taken a response after this time no longer holds the others up. */
  readonly patienceMs: number;
}

export class InFlight {
  readonly #limits: InFlightLimits;
  readonly #timers: Timers;
  #bytes = 0;
  #onRoom: () => void = () => {};

  constructor(limits: InFlightLimits, timers: Timers) {
    this.#limits = limits;
    this.#timers = timers;
  }

  get full(): boolean {
    return this.#bytes >= this.#limits.bytes;
  }

  /** Called every time that it is no longer full. */
  set onRoom(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** A response of so many bytes sets out. Returns what to call, once or more often, when it has left or never will. */
  begin(bytes: number): () => void {
    if (bytes < this.#limits.bigBytes) return nothing;
    this.#bytes += bytes;
    let counted = true;
    const end = (): void => {
      if (!counted) return;
      counted = false;
      cancel();
      const wasFull = this.full;
      this.#bytes -= bytes;
      if (wasFull && !this.full) this.#onRoom();
    };
    const cancel = this.#timers.after(this.#limits.patienceMs, end);
    return end;
  }
}

const nothing = (): void => {};
