import { expect, test } from 'vitest';
import { type ProxyAddresses, ProxyHeaderReader } from './proxy-protocol.ts';
import { bytesOf } from './proxy-protocol-testing.ts';
import { writeProxyHeader } from './proxy-protocol-writer.ts';
import { readTold } from './proxy-reading-testing.ts';

const addresses = (source: string, destination: string): ProxyAddresses => ({
  ...{ source, sourcePort: 773, destination, destinationPort: 2 },
});
const four = addresses('1.2.3.4', '0.1.1.2');
const six = addresses('1:2:3::4', '1:100:200:3::');
const mapped = addresses('::ffff:1.2.3.4', '::ffff:5.6.7.8');
const line = (text: string): string => Buffer.from(text).toString('hex');
const sig = '0d0a0d0a000d0a515549540a';

/** What Envoy 1.40 was seen to send. */
test.each([
  [1, four, line('PROXY TCP4 1.2.3.4 0.1.1.2 773 2\r\n')],
  [1, six, line('PROXY TCP6 1:2:3::4 1:100:200:3:: 773 2\r\n')],
  [1, mapped, line('PROXY TCP6 ::ffff:1.2.3.4 ::ffff:5.6.7.8 773 2\r\n')],
  [1, null, line('PROXY UNKNOWN\r\n')],
  [2, four, `${sig} 2111 000c 01020304 00010102 0305 0002`],
  [2, six, `${sig} 2121 0024 00010002000300000000000000000004 00010100020000030000000000000000 0305 0002`],
  [2, mapped, `${sig} 2121 0024 00000000000000000000ffff01020304 00000000000000000000ffff05060708 0305 0002`],
  [2, null, `${sig} 2000 0000`],
] as const)('version %i of %j is as Envoy writes it', (version, of, hex) => {
  expect(writeProxyHeader(version, of)).toEqual(bytesOf(hex));
});

test.each([
  ['no families at once', addresses('1.2.3.4', '::1'), 'PROXY UNKNOWN\r\n'],
  ['what is no address', addresses('', '1.2.3.4'), 'PROXY UNKNOWN\r\n'],
  ['no zone', addresses('fe80::1%eth0', '::1'), 'PROXY TCP6 fe80::1 ::1 773 2\r\n'],
])('a line names %s', (_, of, text) => {
  expect(writeProxyHeader(1, of).toString()).toBe(text);
});

test('version 2 has no mixed families, but IPv4 can be written as IPv6', () => {
  expect(readTold(writeProxyHeader(2, addresses('1.2.3.4', 'fe80::1%eth0')))?.who).toBe(
    '0:0:0:0:0:ffff:102:304:773 fe80:0:0:0:0:0:0:1:2',
  );
  expect(readTold(writeProxyHeader(2, addresses('nobody', '::1')))?.who).toBe('own');
});

test.each(['::', '::1', '1::', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:1.2.3.4', 'a::b:0:1.2.3.4', 'fedc:ba98::'])(
  'our own reader reads %s as it was meant',
  (ip) => {
    const header = writeProxyHeader(2, addresses(ip, '::'));
    const canonical = new URL(`http://[${ip}]`).hostname.slice(1, -1);
    const read = new ProxyHeaderReader().push(header, 0, header.length);
    if (read.type !== 'header') throw new Error(read.type);
    expect(new URL(`http://[${read.header.addresses?.source}]`).hostname.slice(1, -1)).toBe(canonical);
  },
);

test('TLVs stand in their order, as far as there is room', () => {
  const value = (bytes: number): Buffer => Buffer.alloc(bytes, 'x');
  const tlvs = [
    { type: 0xe1, value: value(300) },
    { type: 0xe2, value: value(4000) },
    { type: 5, value: Buffer.from('the-id') },
    { type: 0xe3, value: value(0) },
  ];
  const header = writeProxyHeader(2, four, tlvs);
  expect(readTold(header)?.tlvs).toEqual([`e1=${'x'.repeat(300)}`, '5=the-id', 'e3=']);
  const largest = writeProxyHeader(2, four, [{ type: 0xe1, value: value(4096 - 16 - 12 - 3) }]);
  expect(largest.length).toBe(4096);
  expect(new ProxyHeaderReader().push(largest, 0, largest.length)).toMatchObject({ type: 'header', end: 4096 });
});
