/** CRC-32C (Castagnoli, RFC 3720 appendix B.4); `zlib.crc32` is another one. */

const table = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  table[byte] = value;
}

/** Of `b` from `start` to `end`, the four bytes at `zeroedAt` taken for zeroes. */
export function crc32cWithout(b: Uint8Array, start: number, end: number, zeroedAt: number): number {
  let crc = -1;
  for (let i = start; i < end; i++) {
    const byte = i >= zeroedAt && i < zeroedAt + 4 ? 0 : b[i]!;
    crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
