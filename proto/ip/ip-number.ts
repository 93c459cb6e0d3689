/** IP addresses as numbers, for the ranges (`address/bits`) that they lie in. */
import { ipBytes, ipv4Text, ipv6Text } from './ip-bytes.ts';

export interface IpNumber {
  readonly number: bigint;
  /** How many bits it has: its version. */
  readonly width: 32 | 128;
}

/** Null: the text is no address. A zone doesn't count. */
export function ipNumber(text: string): IpNumber | null {
  const bytes = ipBytes(text);
  if (bytes === null) return null;
  if (bytes.length === 4) return { number: BigInt(bytes.readUInt32BE(0)), width: 32 };
  return { number: (bytes.readBigUInt64BE(0) << 64n) | bytes.readBigUInt64BE(8), width: 128 };
}

/** As sockets write it. */
export function ipText({ number, width }: IpNumber): string {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(number >> 64n, 0);
  bytes.writeBigUInt64BE(number & 0xffff_ffff_ffff_ffffn, 8);
  return width === 32 ? ipv4Text(bytes, 12) : ipv6Text(bytes, 0);
}

/** The first address of the range of so many bits that holds this one. */
export function firstOf({ number, width }: IpNumber, bits: number): IpNumber {
  const below = BigInt(width - bits);
  return { number: (number >> below) << below, width };
}
