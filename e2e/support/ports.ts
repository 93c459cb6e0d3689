/** Places for servers that must be told where to listen, or that come back to where they were. */
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import net from 'node:net';

/** For TCP and UDP at 127.0.0.1. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** So many different ones; below those that outgoing connections take, so that none of them is in the way later. */
export async function freePorts(count: number, address = '127.0.0.1'): Promise<number[]> {
  const lowest = 20_000;
  const above = ephemeralStart();
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = lowest + Math.floor(Math.random() * (above - lowest));
    if ((await isFreeForTcp(port, address)) && (await isFreeForUdp(port, address))) ports.add(port);
  }
  return [...ports];
}

/**
 * An address of this machine that nobody else listens at, one of Linux's 16 million: a server that was there, on whatever
 * port, finds its place free when it comes back.
 */
export function ownLoopback(): string {
  const below = (limit: number): number => Math.floor(Math.random() * limit);
  // 127.0.*.* are those that tests write down
  return `127.${1 + below(254)}.${below(256)}.${1 + below(254)}`;
}

function ephemeralStart(): number {
  try {
    const start = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
    return start > 21_000 ? start : 32_768;
  } catch {
    return 32_768;
  }
}

function isFreeForTcp(port: number, address: string): Promise<boolean> {
  const probe = net.createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, address, () => probe.close(() => resolve(true)));
  });
}

function isFreeForUdp(port: number, address: string): Promise<boolean> {
  const probe = dgram.createSocket('udp4');
  return new Promise((resolve) => {
    probe.once('error', () => probe.close(() => resolve(false)));
    probe.bind(port, address, () => probe.close(() => resolve(true)));
  });
}
