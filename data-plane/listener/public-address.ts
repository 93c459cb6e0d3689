/** Whose machine an address may be: the operator's own, or anybody's. */
import net from 'node:net';

/** Loopback, private use, link-local, unique local (RFC 1122, 1918, 3927, 4193, 4291). */
const own = new net.BlockList();
own.addSubnet('127.0.0.0', 8, 'ipv4');
own.addSubnet('10.0.0.0', 8, 'ipv4');
own.addSubnet('172.16.0.0', 12, 'ipv4');
own.addSubnet('192.168.0.0', 16, 'ipv4');
own.addSubnet('169.254.0.0', 16, 'ipv4');
own.addAddress('::1', 'ipv6');
own.addSubnet('fc00::', 7, 'ipv6');
own.addSubnet('fe80::', 10, 'ipv6');

/** Those of IPv4 as they are written, for they are asked for with every connection. */
const ownPrefixes = /^(?:127|10|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\./;

/** IPv4 inside IPv6 (`::ffff:10.0.0.1`) is what it holds. */
export function isPublicAddress(address: string): boolean {
  return address.includes(':') ? !own.check(address, 'ipv6') : !ownPrefixes.test(address);
}
