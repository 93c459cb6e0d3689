/** Bytes of a head that came in pieces. It grows by doubling, so many small pieces cost no more than their sum. */
export class HeadBuffer {
  bytes: Buffer = Buffer.alloc(0);
  length = 0;

  /** Appends; true if the piece holds a line end, so that parsing again can tell something new. */
  append(b: Buffer, start: number, end: number): boolean {
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, needed, this.bytes.length * 2));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    b.copy(this.bytes, this.length, start, end);
    this.length = needed;
    const lineEnd = b.indexOf(10, start);
    return lineEnd >= 0 && lineEnd < end;
  }

  clear(): void {
    this.length = 0;
    this.bytes = Buffer.alloc(0);
  }
}
