/** Writes PROXY headers as Envoy does, byte for byte; what they are is said where they are read (proxy-protocol.ts). */
import net from 'node:net';
import type { ProxyTlv } from '../model/arrival.ts';
import {
  commands,
  families,
  fixedBytes,
  type ProxyAddresses,
  proxyLimits,
  signature1,
  signature2,
} from './proxy-protocol.ts';

/** Type and length. */
const tlvHeadBytes = 3;

/**
 * @param addresses null: the connection is the proxy's own
 * @param tlvs of version 2 alone; those that would make it longer than our own reader takes are left out
 */
export function writeProxyHeader(
  version: 1 | 2,
  addresses: ProxyAddresses | null,
  tlvs: readonly ProxyTlv[] = [],
): Buffer {
  if (version === 1) return Buffer.concat([signature1, Buffer.from(`${lineOf(addresses)}\r\n`, 'latin1')]);
  const block = addresses === null ? null : addressBlock(addresses);
  if (block === null) {
    return Buffer.concat([signature2, Buffer.of(commands.local, families.unspecified, 0, 0)]);
  }
  const head = Buffer.concat([signature2, Buffer.of(commands.proxy, block.family, 0, 0), block.bytes]);
  const header = Buffer.concat([head, ...tlvBlocks(tlvs, proxyLimits.v2Bytes - head.length)]);
  header.writeUInt16BE(header.length - fixedBytes, fixedBytes - 2);
  return header;
}

function lineOf(addresses: ProxyAddresses | null): string {
  if (addresses === null) return 'UNKNOWN';
  const source = withoutZone(addresses.source);
  const destination = withoutZone(addresses.destination);
  const family = net.isIP(source);
  // a line has one family for both
  if (family === 0 || family !== net.isIP(destination)) return 'UNKNOWN';
  return `TCP${family} ${source} ${destination} ${addresses.sourcePort} ${addresses.destinationPort}`;
}

/** Null: there is an address that is none. IPv4 beside IPv6 is written as IPv6. */
function addressBlock(addresses: ProxyAddresses): { readonly family: number; readonly bytes: Buffer } | null {
  const source = ipBytes(addresses.source);
  const destination = ipBytes(addresses.destination);
  if (source === null || destination === null) return null;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(addresses.sourcePort, 0);
  ports.writeUInt16BE(addresses.destinationPort, 2);
  if (source.length === 4 && destination.length === 4) {
    return { family: families.tcp4, bytes: Buffer.concat([source, destination, ports]) };
  }
  return { family: families.tcp6, bytes: Buffer.concat([mapped(source), mapped(destination), ports]) };
}

function tlvBlocks(tlvs: readonly ProxyTlv[], room: number): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (const { type, value } of tlvs) {
    const bytes = tlvHeadBytes + value.length;
    if (bytes > room) continue;
    room -= bytes;
    blocks.push(Buffer.of(type, value.length >> 8, value.length & 0xff), value);
  }
  return blocks;
}

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex');

function mapped(ip: Buffer): Buffer {
  return ip.length === 16 ? ip : Buffer.concat([mappedPrefix, ip]);
}

/** Null: this is no address. */
function ipBytes(text: string): Buffer | null {
  const ip = withoutZone(text);
  if (net.isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  return net.isIPv6(ip) ? ipv6Bytes(ip) : null;
}

/** Of text that is known to be an address. */
function ipv6Bytes(ip: string): Buffer {
  const bytes = Buffer.alloc(16);
  const [before = '', after = ''] = ip.split('::');
  groupBytes(before).copy(bytes);
  const last = groupBytes(after);
  last.copy(bytes, 16 - last.length);
  return bytes;
}

/** `1:a:1.2.3.4` */
function groupBytes(groups: string): Buffer {
  if (groups === '') return Buffer.alloc(0);
  return Buffer.from(
    groups.split(':').flatMap((group) => {
      if (group.includes('.')) return group.split('.').map(Number);
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

/** It means something on this machine only. */
function withoutZone(ip: string): string {
  const zone = ip.indexOf('%');
  return zone < 0 ? ip : ip.slice(0, zone);
}
