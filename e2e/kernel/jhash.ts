/** The hash by which nftables finds a flow's slot: Bob Jenkins' lookup3 in the kernel's form, made small by multiplication. */
import net from 'node:net';

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** @param bytes a multiple of four, as the registers of nftables are */
export function jhash(bytes: Buffer, seed: number): number {
  let a = (0xdeadbeef + bytes.length + seed) | 0;
  let b = a;
  let c = a;
  let at = 0;
  for (; bytes.length - at > 12; at += 12) {
    a = (a + bytes.readInt32LE(at)) | 0;
    b = (b + bytes.readInt32LE(at + 4)) | 0;
    c = (c + bytes.readInt32LE(at + 8)) | 0;
    a = ((a - c) | 0) ^ rotate(c, 4);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotate(a, 6);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotate(b, 8);
    b = (b + a) | 0;
    a = ((a - c) | 0) ^ rotate(c, 16);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotate(a, 19);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotate(b, 4);
    b = (b + a) | 0;
  }
  const words = (bytes.length - at) / 4;
  if (words > 2) c = (c + bytes.readInt32LE(at + 8)) | 0;
  if (words > 1) b = (b + bytes.readInt32LE(at + 4)) | 0;
  if (words > 0) a = (a + bytes.readInt32LE(at)) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}

export interface FlowTuple {
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly address: string;
  readonly port: number;
}

/** Slot of a flow that is hashed by its five-tuple. */
export function slotOfTuple({ sourceAddress, sourcePort, address, port }: FlowTuple, slots: number): number {
  const bytes = Buffer.concat([
    addressBytes(sourceAddress),
    portBytes(sourcePort),
    addressBytes(address),
    portBytes(port),
  ]);
  return Number((BigInt(jhash(bytes, 0x6661726c)) * BigInt(slots)) >> 32n);
}

function portBytes(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff, 0, 0]);
}

function addressBytes(address: string): Buffer {
  if (net.isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const all = [...words(head), ...Array<number>(8 - words(head).length - words(tail).length).fill(0), ...words(tail)];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}
