/** The frames of RFC 9113 section 6 as numbers, and the nine bytes that each begins with. */
export const frameTypes = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goAway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

export const flags = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const frameHeaderBytes = 9;
export const defaultWindowBytes = 65_535;
export const defaultFrameBytes = 16_384;
export const maxWindowBytes = 2 ** 31 - 1;
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Returns the place behind it. */
export function writeFrameHeader(
  into: Buffer,
  at: number,
  length: number,
  type: number,
  frameFlags: number,
  streamId: number,
): number {
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = frameFlags;
  return writeUint32(into, at + 5, streamId);
}

/** Returns the place behind it. */
export function writeUint32(into: Buffer, at: number, value: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
  return at + 4;
}

export function readUint32(from: Buffer, at: number): number {
  return from[at]! * 0x1000000 + ((from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!);
}

/** A stream identifier or a window increment: the first bit is not part of it. */
export function readUint31(from: Buffer, at: number): number {
  return readUint32(from, at) & 0x7fffffff;
}
