/** Messages of gRPC as base64, each padded by itself, as they come: none waits for its end. */

const prefixBytes = 5;
const nothing = Buffer.alloc(0);

export class GrpcText {
  /** Bytes of the prefix of the message at hand; of what is behind it, how many are still to come. */
  #prefix = 0;
  #left = 0;
  /** Bytes that make no whole group of three yet. */
  #rest: Buffer = nothing;

  write(chunk: Buffer): string {
    let text = '';
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#prefix < prefixBytes) {
        // a flag, then the length
        this.#left = this.#prefix === 0 ? 0 : this.#left * 256 + chunk[at]!;
        this.#prefix++;
        at++;
      } else {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
      }
      if (this.#prefix < prefixBytes || this.#left > 0) continue;
      text += this.#take(chunk.subarray(start, at), true);
      start = at;
      this.#prefix = 0;
    }
    return text + this.#take(chunk.subarray(start), false);
  }

  /** What is left of a message that has not come to its end. */
  end(): string {
    return this.#take(nothing, true);
  }

  #take(bytes: Buffer, isEnd: boolean): string {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = isEnd ? all.length : all.length - (all.length % 3);
    this.#rest = whole === all.length ? nothing : Buffer.from(all.subarray(whole));
    return all.toString('base64', 0, whole);
  }
}
