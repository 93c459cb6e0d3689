/**
 * PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt): who the client is, told by a proxy in front in the
 * first bytes of a connection. Strict: what the text forbids is refused.
 */
import net from 'node:net';
import { ipBytes, ipv4Text, ipv6Text } from '../../proto/ip/ip-bytes.ts';
import type { ProxyTlv } from '../model/arrival.ts';
import { crc32cWithout } from './crc32c.ts';

export interface ProxyAddresses {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export interface ProxyHeader {
  readonly version: 1 | 2;
  /** null: those of the connection itself hold (LOCAL, UNKNOWN, UNSPEC). */
  readonly addresses: ProxyAddresses | null;
  /** In their order; only beside addresses. */
  readonly tlvs: readonly ProxyTlv[];
}

export type ProxyRead =
  /** All bytes are kept; the next ones tell. */
  | { readonly type: 'more' }
  /** No header, nothing is consumed. `held` came by earlier calls and goes in front of this one's; null: nothing did. */
  | { readonly type: 'none'; readonly held: Buffer | null }
  /** The first byte behind the header stands at `end`. */
  | { readonly type: 'header'; readonly header: ProxyHeader; readonly end: number }
  | { readonly type: 'refused'; readonly reason: string };

export const proxyLimits = {
  /** The longest line of version 1, its end included (specification, 2.1). */
  v1Bytes: 107,
  /** A whole header of version 2 (reliability.md, appendix A). */
  v2Bytes: 4096,
  /** Value of a unique id (specification, 2.2.5). */
  uniqueIdBytes: 128,
} as const;

export const tlvTypes = { authority: 0x02, crc32c: 0x03, uniqueId: 0x05 } as const;
/** Byte 13 of version 2: the version and what is commanded. */
export const commands = { local: 0x20, proxy: 0x21 } as const;
/** Byte 14 of version 2: the family of addresses and the transport. */
export const families = { unspecified: 0x00, tcp4: 0x11, udp4: 0x12, tcp6: 0x21, udp6: 0x22 } as const;
export const signature1: Buffer = Buffer.from('PROXY ', 'latin1');
export const signature2: Buffer = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Signature, command, family, length. */
export const fixedBytes = 16;

const CR = 13;
const LF = 10;
const firstPrintable = 32;
const lastPrintable = 126;
/** Of a TLV: type and length. */
export const tlvHeadBytes = 3;

const more: ProxyRead = { type: 'more' };
const noTlvs: readonly ProxyTlv[] = [];

/** Reads the first bytes of one connection, however they are cut. Nothing is asked of it once it has decided. */
export class ProxyHeaderReader {
  /** What came by calls that could not tell, at its beginning; null: nothing. */
  #kept: Buffer | null = null;
  #keptBytes = 0;

  /** Takes `b` from `from` to `to`, at least one byte; they are valid during the call only. */
  push(b: Buffer, from: number, to: number): ProxyRead {
    const before = this.#keptBytes;
    if (this.#kept === null) {
      const read = readHeader(b, from, to);
      if (read.type === 'more') this.#keep(b, from, to);
      return read;
    }
    this.#keep(b, from, to);
    const read = readHeader(this.#kept, 0, this.#keptBytes);
    if (read.type === 'header') return { ...read, end: from + read.end - before };
    if (read.type === 'none') return { ...read, held: this.#kept.subarray(0, before) };
    return read;
  }

  /** No more of it than a header may have. */
  #keep(b: Buffer, from: number, to: number): void {
    let kept = this.#kept ?? Buffer.allocUnsafe(proxyLimits.v1Bytes);
    let bytes = this.#keptBytes;
    for (;;) {
      const taken = b.copy(kept, bytes, from, to);
      bytes += taken;
      from += taken;
      const wanted = Math.min(wantedBytes(kept, 0, bytes), proxyLimits.v2Bytes);
      if (from === to || wanted <= kept.length) break;
      const larger = Buffer.allocUnsafe(wanted);
      kept.copy(larger, 0, 0, bytes);
      kept = larger;
    }
    this.#kept = kept;
    this.#keptBytes = bytes;
  }
}

/** Of a header of version 2 as far as that is known; else of the longest of version 1. */
function wantedBytes(b: Buffer, from: number, to: number): number {
  if (b[from] !== CR || to - from < fixedBytes) return proxyLimits.v1Bytes;
  return fixedBytes + b.readUInt16BE(from + fixedBytes - 2);
}

function readHeader(b: Buffer, from: number, to: number): ProxyRead {
  const isSecond = b[from] === CR;
  const signature = isSecond ? signature2 : signature1;
  const known = Math.min(signature.length, to - from);
  if (signature.compare(b, from, from + known, 0, known) !== 0) return { type: 'none', held: null };
  if (known < signature.length) return more;
  return isSecond ? readSecond(b, from, to) : readFirst(b, from, to);
}

function refuse(reason: string): ProxyRead {
  return { type: 'refused', reason };
}

// ---- version 1 ----

function readFirst(b: Buffer, from: number, to: number): ProxyRead {
  const last = Math.min(to, from + proxyLimits.v1Bytes);
  let at = from + signature1.length;
  while (at < last && b[at]! >= firstPrintable && b[at]! <= lastPrintable) at++;
  if (at === from + proxyLimits.v1Bytes) return refuse(`version 1: no line end within ${proxyLimits.v1Bytes} bytes`);
  if (at === to) return more;
  if (b[at] !== CR) return refuse('version 1: a control character, or one beyond ASCII');
  if (at + 1 === from + proxyLimits.v1Bytes) return refuse(`version 1: more than ${proxyLimits.v1Bytes} bytes`);
  if (at + 1 === to) return more;
  if (b[at + 1] !== LF) return refuse('version 1: CR without LF');
  const addresses = addressesOfLine(b.latin1Slice(from + signature1.length, at));
  if (typeof addresses === 'string') return refuse(`version 1: ${addresses}`);
  return { type: 'header', header: { version: 1, addresses, tlvs: noTlvs }, end: at + 2 };
}

/** @param line what follows `PROXY `. Returns null for UNKNOWN, whatever comes behind; a text says what is wrong. */
function addressesOfLine(line: string): ProxyAddresses | null | string {
  const [family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = line.split(' ');
  if (family === 'UNKNOWN') return null;
  if (family !== 'TCP4' && family !== 'TCP6') return 'the family is none of TCP4, TCP6, UNKNOWN';
  if (rest.length > 0) return 'more than two addresses and two ports, or more than one space';
  const addressOf = family === 'TCP4' ? ipv4Of : ipv6Of;
  const addresses = {
    source: addressOf(source),
    sourcePort: portOf(sourcePort),
    destination: addressOf(destination),
    destinationPort: portOf(destinationPort),
  };
  if (addresses.source === '' || addresses.destination === '') return `an address is missing, or not one of ${family}`;
  if (addresses.sourcePort < 0 || addresses.destinationPort < 0)
    return 'a port is missing, or not a number up to 65535';
  return addresses;
}

function ipv4Of(text: string): string {
  return net.isIPv4(text) ? text : '';
}

/** As sockets write it; without a zone, which would mean something on the machine of its sender only. */
function ipv6Of(text: string): string {
  return net.isIPv6(text) && !text.includes('%') ? ipv6Text(ipBytes(text)!, 0) : '';
}

function portOf(text: string): number {
  const port = /^(?:0|[1-9][0-9]{0,4})$/.test(text) ? Number(text) : -1;
  return port > 65_535 ? -1 : port;
}

// ---- version 2 ----

function readSecond(b: Buffer, from: number, to: number): ProxyRead {
  if (to - from < fixedBytes) return more;
  const command = b[from + 12]!;
  const family = b[from + 13]!;
  const total = wantedBytes(b, from, to);
  const end = from + total;
  if (command !== commands.local && command !== commands.proxy) {
    return refuse(`version 2: ${hex(command)} is no version 2 with LOCAL or PROXY`);
  }
  if (total > proxyLimits.v2Bytes) return refuse(`version 2: ${total} bytes, ${proxyLimits.v2Bytes} are allowed`);
  // of the sender's own connections, checks for one: what they say of addresses is to be skipped unread
  const isSilent = command === commands.local || family === families.unspecified;
  const addressBytes = isSilent ? 0 : addressBytesOf(family);
  if (addressBytes < 0) return refuse(`version 2: ${hex(family)} is no TCP or UDP over IPv4 or IPv6`);
  if (total - fixedBytes < addressBytes) return refuse('version 2: the length is less than the addresses need');
  if (to < end) return more;
  if (isSilent) return { type: 'header', header: { version: 2, addresses: null, tlvs: noTlvs }, end };
  const tlvs = readTlvs(b, from, from + fixedBytes + addressBytes, end);
  if (typeof tlvs === 'string') return refuse(`version 2: ${tlvs}`);
  const addresses = addressesAt(b, from + fixedBytes, addressBytes);
  return { type: 'header', header: { version: 2, addresses, tlvs }, end };
}

/** -1: addresses that no connection here can have. UDP counts as TCP, as with Envoy; so it does not know UNIX sockets. */
function addressBytesOf(family: number): number {
  if (family === families.tcp4 || family === families.udp4) return 12;
  return family === families.tcp6 || family === families.udp6 ? 36 : -1;
}

function addressesAt(b: Buffer, at: number, bytes: number): ProxyAddresses {
  const ipBytes = bytes === 12 ? 4 : 16;
  const ipAt = bytes === 12 ? ipv4Text : ipv6Text;
  return {
    source: ipAt(b, at),
    destination: ipAt(b, at + ipBytes),
    sourcePort: b.readUInt16BE(at + 2 * ipBytes),
    destinationPort: b.readUInt16BE(at + 2 * ipBytes + 2),
  };
}

/** Copies, or what is wrong. @param from where the header begins */
function readTlvs(b: Buffer, from: number, first: number, end: number): readonly ProxyTlv[] | string {
  if (first === end) return noTlvs;
  const tlvs: ProxyTlv[] = [];
  const copy = Buffer.from(b.subarray(first, end));
  let checksums = 0;
  for (let at = first; at < end; ) {
    if (at + tlvHeadBytes > end) return 'a TLV without a length at the end';
    const type = b[at]!;
    const value = at + tlvHeadBytes;
    const next = value + b.readUInt16BE(at + 1);
    if (next > end) return `TLV ${hex(type)} goes beyond the end`;
    if (type === tlvTypes.crc32c) {
      if (next - value !== 4 || ++checksums > 1) return 'not one checksum of four bytes';
      if (crc32cWithout(b, from, end, value) !== b.readUInt32BE(value)) return 'the checksum is wrong';
    } else if (type === tlvTypes.uniqueId && next - value > proxyLimits.uniqueIdBytes) {
      return `a unique id of more than ${proxyLimits.uniqueIdBytes} bytes`;
    }
    tlvs.push({ type, value: copy.subarray(value - first, next - first) });
    at = next;
  }
  return tlvs;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
