import { expect, test } from 'vitest';
import { ownAddress } from './own-address.ts';

const one = (address: string, family: 'IPv4' | 'IPv6', internal: boolean) =>
  ({ address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as never;

test("this machine's address is the first one that others can reach", () => {
  const lo = [one('127.0.0.1', 'IPv4', true), one('::1', 'IPv6', true)];
  expect(ownAddress({ lo, eth0: [one('fd00::2', 'IPv6', false), one('192.0.2.2', 'IPv4', false)] })).toBe('192.0.2.2');
  expect(ownAddress({ lo })).toBe('127.0.0.1');
});
