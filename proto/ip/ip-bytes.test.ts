import net from 'node:net';
import { expect, test } from 'vitest';
import { seededRandom } from '../../data-plane/testing.ts';
import { ipBytes, ipv4Text, ipv6Text } from './ip-bytes.ts';

/** As Node writes what its sockets say. */
const canonical = (ip: string): string => new net.SocketAddress({ address: ip, family: 'ipv6' }).address;

test.each([
  ...[
    '::',
    '::1',
    '1::',
    '1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:1.2.3.4',
    'a::b:0:1.2.3.4',
    'FEDC:ba98::',
    '0:0:1::',
    '1:0:0:2::',
  ],
  ...[
    '::ffff:1.2.3.4',
    '::1.2.3.4',
    '::ffff:0:1.2.3.4',
    '1::2:0:0:0',
    '0:0:0:0:0:0:0:0',
    '1:0:2:0:3:0:4:0',
    '::102:304',
  ],
  ...['64:ff9b::192.0.2.1', '::2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '2001:db8::', '::ffff:ffff:ffff'],
])('%s is read and written as Node does', (ip) => {
  expect(ipv6Text(ipBytes(ip)!, 0)).toBe(canonical(ip));
});

const seed = Number(process.env['SEED'] ?? 6);
test(`any address comes back as Node writes it (SEED=${seed})`, () => {
  const random = seededRandom(seed);
  const b = Buffer.alloc(20);
  for (let round = 0; round < 2_000; round++) {
    for (let i = 2; i < 18; i += 2) b.writeUInt16BE(random() < 0.5 ? 0 : Math.floor(random() * 0x10000), i);
    if (random() < 0.2) b.fill(0, 2, 14);
    const groups = Array.from({ length: 8 }, (_, i) => b.readUInt16BE(2 + 2 * i).toString(16)).join(':');
    const text = ipv6Text(b, 2);
    expect(text).toBe(canonical(groups));
    expect(ipBytes(text), text).toEqual(b.subarray(2, 18));
  }
});

test('IPv4, zones, and what is no address', () => {
  expect(ipBytes('203.0.113.7')).toEqual(Buffer.from([203, 0, 113, 7]));
  expect(ipv4Text(Buffer.from([9, 203, 0, 113, 7]), 1)).toBe('203.0.113.7');
  expect(ipBytes('fe80::1%eth0')).toEqual(ipBytes('fe80::1'));
  for (const text of ['', '1.2.3', '1.2.3.256', '::g', '1::2::3', 'localhost']) expect(ipBytes(text)).toBeNull();
});
