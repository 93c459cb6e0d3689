/** Looks for blocks of bytes in what comes, in order, with anything in between. Holds no more than one block. */
export class BlocksReader {
  readonly #blocks: readonly Uint8Array[];
  #found = 0;
  #kept: Buffer = Buffer.alloc(0);

  constructor(blocks: readonly Uint8Array[]) {
    this.#blocks = blocks;
  }

  get foundAll(): boolean {
    return this.#found === this.#blocks.length;
  }

  read(chunk: Buffer): void {
    let bytes = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    for (;;) {
      const block = this.#blocks[this.#found];
      if (block === undefined) return;
      const at = bytes.indexOf(block);
      if (at < 0) {
        this.#kept = Buffer.from(bytes.subarray(Math.max(0, bytes.length - block.length + 1)));
        return;
      }
      bytes = bytes.subarray(at + block.length);
      this.#kept = Buffer.alloc(0);
      this.#found++;
    }
  }
}
