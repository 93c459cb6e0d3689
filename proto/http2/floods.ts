/** What a peer may send that costs it nothing and us something, counted; each count has its bound in limits.ts. */
import { ConnectionError, errorCodes, type Flood } from './errors.ts';
import { limits } from './limits.ts';

export class Floods {
  readonly #now: () => number;
  #resets: Bucket;
  #idle: Bucket;
  #emptyInARow = 0;
  #priorities = 0;
  #windowUpdates = 0;
  #streams = 0;
  #dataSent = 0;

  /** @param now milliseconds that never go back */
  constructor(now: () => number) {
    this.#now = now;
    this.#resets = new Bucket(limits.resetBurst, limits.resetsPerSecond, now());
    this.#idle = new Bucket(limits.idleFrameBurst, limits.idleFramesPerSecond, now());
  }

  /** A stream was reset: by the peer, or by us because of what the peer sent. */
  reset(): void {
    if (!this.#resets.take(this.#now())) throw calm('too many streams are reset', 'resets');
  }

  /** A frame that moves nothing: PING, SETTINGS, an unknown type, something for a stream that is over. */
  idleFrame(): void {
    if (!this.#idle.take(this.#now())) throw calm('too many frames that carry nothing', 'idleFrames');
  }

  /** @param isEmpty nothing in it, and no end of a stream either */
  message(isEmpty: boolean): void {
    if (isEmpty) {
      if (++this.#emptyInARow > limits.emptyFramesInARow) throw calm('too many empty frames', 'emptyFrames');
      return;
    }
    this.#emptyInARow = 0;
    this.#idle.give();
  }

  priority(): void {
    if (++this.#priorities > limits.priorityFramesPerStream * (1 + this.#streams))
      throw calm('too many PRIORITY', 'priorities');
  }

  windowUpdate(): void {
    const allowed = limits.windowUpdatesPerData * (1 + this.#streams + this.#dataSent);
    if (++this.#windowUpdates > allowed) throw calm('too many WINDOW_UPDATE', 'windowUpdates');
  }

  streamOpened(): void {
    this.#streams++;
  }

  dataSent(): void {
    this.#dataSent++;
  }

  /** What waits for a peer that does not read: control frames, and bytes of frames of every kind. */
  queued(controlFrames: number, bytes: number): void {
    if (controlFrames > limits.queuedControlFrames) throw calm('answers are not read', 'controlFrames');
    if (bytes > limits.queuedOutputBytes) throw calm('answers are not read', 'output');
  }
}

class Bucket {
  readonly #burst: number;
  readonly #perMs: number;
  #left: number;
  #at: number;

  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1_000;
    this.#left = burst;
    this.#at = now;
  }

  take(now: number): boolean {
    if (this.#left < 1) {
      this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMs);
      this.#at = now;
      if (this.#left < 1) return false;
    } else if (this.#left === this.#burst) {
      this.#at = now;
    }
    this.#left--;
    return true;
  }

  give(): void {
    if (this.#left < this.#burst) this.#left++;
  }
}

function calm(what: string, flood: Flood): ConnectionError {
  return new ConnectionError(errorCodes.ENHANCE_YOUR_CALM, `Flood: ${what}.`, flood);
}
