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
/** Up to here a copy of its own costs less than a scratch buffer that has to be given away. */
const smallBytes = 4 * 1024;
let scratch = Buffer.allocUnsafeSlow(scratchBytes);

/** A copy to be written at once and never touched again; tell `wasWritten` whether the write is still pending. */
export function copyForWrite(b: Buffer, length: number): Buffer {
  const copy = length > smallBytes && length <= scratchBytes ? scratch.subarray(0, length) : Buffer.allocUnsafe(length);
  b.copy(copy, 0, 0, length);
  return copy;
}

export function wasWritten(copy: Buffer, pending: boolean): void {
  if (pending && copy.buffer === scratch.buffer) scratch = Buffer.allocUnsafeSlow(scratchBytes);
}
