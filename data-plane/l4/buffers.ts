/** Buffers that the connections of a thread take turns with. A pending write may refer to a buffer for as long as it likes. */

const bulkBufferBytes = 256 * 1024;
const maxFreeBulkBuffers = 64;
const freeBulkBuffers: Buffer[] = [];

/** A buffer for the reads of one bulk flow. */
export function takeBulkBuffer(): Buffer {
  return freeBulkBuffers.pop() ?? Buffer.allocUnsafeSlow(bulkBufferBytes);
}

/** No write may refer to it any more. */
export function giveBulkBuffer(buffer: Buffer): void {
  if (freeBulkBuffers.length < maxFreeBulkBuffers) freeBulkBuffers.push(buffer);
}

const scratchBytes = 64 * 1024;
/** Copies are made here: a buffer each would keep the garbage collector busy, and the loop waiting for it. */
let scratch = Buffer.allocUnsafeSlow(scratchBytes);
/** What stands before this is still being written from. */
let pinned = 0;

/** A copy to be written at once and never touched again; tell `wasWritten` whether the write is still pending. */
export function copyForWrite(b: Buffer, length: number): Buffer {
  if (length > scratchBytes) return Buffer.from(b.subarray(0, length));
  if (length > scratchBytes - pinned) {
    scratch = Buffer.allocUnsafeSlow(scratchBytes);
    pinned = 0;
  }
  b.copy(scratch, pinned, 0, length);
  return scratch.subarray(pinned, pinned + length);
}

export function wasWritten(copy: Buffer, pending: boolean): void {
  if (pending && copy.buffer === scratch.buffer) pinned = copy.byteOffset + copy.length;
}
