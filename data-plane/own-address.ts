/** This machine as others see it. */
import os from 'node:os';

/** The first IPv4 address that is not a loopback one; without any, 127.0.0.1. */
export function ownAddress(interfaces: ReturnType<typeof os.networkInterfaces> = os.networkInterfaces()): string {
  for (const addresses of Object.values(interfaces)) {
    for (const { family, internal, address } of addresses ?? []) if (family === 'IPv4' && !internal) return address;
  }
  return '127.0.0.1';
}
