/** Writes PROXY headers as Envoy does, byte for byte; what they are is said where they are read (proxy-protocol.ts). */
import net from 'node:net';
import { ipBytes } from '../../proto/ip/ip-bytes.ts';
import type { ProxyTlv } from '../model/arrival.ts';
import {
  commands,
  families,
  fixedBytes,
  type ProxyAddresses,
  proxyLimits,
  signature1,
  signature2,
  tlvHeadBytes,
} from './proxy-protocol.ts';

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

/** It means something on this machine only. */
function withoutZone(ip: string): string {
  const zone = ip.indexOf('%');
  return zone < 0 ? ip : ip.slice(0, zone);
}
