/** How the streams that ended last have ended, so that a frame that is late can be told from one that is wrong. */
import { limits } from './limits.ts';

/** `cut`: reset by us, while the peer may not know yet; `over`: the peer knows that it may send nothing more. */
export type PastStream = 'cut' | 'over' | 'unknown';

export class PastStreams {
  readonly #ids = new Uint32Array(limits.rememberedStreams);
  readonly #wasCut = new Uint8Array(limits.rememberedStreams);
  #next = 0;

  add(streamId: number, wasCut: boolean): void {
    this.#ids[this.#next] = streamId;
    this.#wasCut[this.#next] = wasCut ? 1 : 0;
    this.#next = (this.#next + 1) % limits.rememberedStreams;
  }

  get(streamId: number): PastStream {
    const place = this.#ids.lastIndexOf(streamId);
    if (place < 0) return 'unknown';
    return this.#wasCut[place] === 1 ? 'cut' : 'over';
  }
}
