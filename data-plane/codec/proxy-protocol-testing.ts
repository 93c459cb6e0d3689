/** For tests: first bytes of connections, and what is to be made of them. */

/** `source > destination` and TLVs, `peer` where the connection's own addresses hold, `none`: no header, `more`. */
export type ProxyVerdict = string | { readonly refused: RegExp };

export interface ProxyCase {
  readonly name: string;
  readonly bytes: Buffer;
  readonly verdict: ProxyVerdict;
  /** What Envoy 1.40 makes of it where that is something else. */
  readonly envoy?: string;
}

const signature = '0d0a0d0a000d0a515549540a';
const from4 = '0102030400010102';
const addresses4 = `${from4}03050002`;
const addresses6 = '000100020003000000000000000000040001010002000003000000000000000000080002';
const mapped6 = `${'00'.repeat(10)}ffff01020304${'00'.repeat(10)}ffff0506070803050002`;

export function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

/** A header of version 2. @param length of what follows, where the header lies about it */
export function v2(commandAndFamily: string, body: string, length = body.length / 2): Buffer {
  return bytesOf(`${signature}${commandAndFamily}${length.toString(16).padStart(4, '0')}${body}`);
}

export function tlv(type: number, value: string, length = value.length / 2): string {
  return type.toString(16).padStart(2, '0') + length.toString(16).padStart(4, '0') + value;
}

const row = (name: string, bytes: Buffer, verdict: ProxyVerdict, envoy?: string): ProxyCase => ({
  name,
  bytes,
  verdict,
  ...(envoy !== undefined && { envoy }),
});
const line = (text: string, verdict: ProxyVerdict, envoy?: string): ProxyCase =>
  row(JSON.stringify(text), Buffer.from(text, 'latin1'), verdict, envoy);
const refused = (reason: RegExp): ProxyVerdict => ({ refused: reason });

const four = '1.2.3.4:773 > 0.1.1.2:2';
const six = '[1:2:3::4]:8 > [1:100:200:3::]:2';
const family = /no TCP or UDP/;
const command = /no version 2 with LOCAL or PROXY/;
const short = /less than the addresses need/;
const address = /address is missing/;
const port = /port is missing/;
const control = /control character/;

/** Vectors.md, section 13. */
export const published: readonly ProxyCase[] = [
  line('PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n', '192.168.0.1:56324 > 192.168.0.11:443'),
  line('PROXY TCP4 1.2.3.4 253.253.253.253 65535 1234\r\n', '1.2.3.4:65535 > 253.253.253.253:1234'),
  line('PROXY TCP4 254.254.254.254 1.2.3.4 65535 1234\r\n', '254.254.254.254:65535 > 1.2.3.4:1234'),
  line('PROXY TCP6 1:2:3::4 5:6::7:8 65535 1234\r\n', '[1:2:3::4]:65535 > [5:6::7:8]:1234'),
  line(`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`, sixes(), 'refused'),
  line('PROXY UNKNOWN\r\n', 'peer'),
  line(`PROXY UNKNOWN ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`, 'peer'),
  row('TCP over IPv4', v2('2111', addresses4), four),
  row('UDP over IPv6', v2('2122', addresses6), six),
  row('LOCAL', v2('2000', ''), 'peer'),
  row('LOCAL with a TLV', v2('2000', '000001ff'), 'peer'),
  row("LOCAL as AWS's load balancer checks", v2('2000', '0000040a0b0c0d'), 'peer'),
  row('two TLVs', v2('2111', `${addresses4}000001ff000001ff`), `${four} 00=ff 00=ff`),
  row('family 4', v2('2141', addresses4), refused(family)),
  row('command 3', v2('231f', addresses4), refused(command)),
  row('command 9', v2('2932', `${addresses4}${'00'.repeat(8)}`), refused(command)),
  row('family 9', v2('2193', addresses4), refused(family)),
  row('UNIX datagrams', v2('2132', '00'.repeat(20)), refused(family)),
  row('11 bytes for IPv4', v2('2111', addresses4.slice(2)), refused(short)),
  row('4 bytes for IPv6', v2('2121', '00'.repeat(4)), refused(short)),
  row('20 bytes for IPv6', v2('2122', '00'.repeat(20)), refused(short)),
  row('35 bytes for IPv6', v2('2122', '00'.repeat(35)), refused(short)),
  line('data', 'none'),
  line('PR\r\n', 'none'),
  line('\r\nOX', 'none'),
];

/** Reliability.md, appendix B: version 1. `header twice`, and what only a listener can judge, stand elsewhere. */
export const hostileLines: readonly ProxyCase[] = [
  line('PROXY TCP4 1.2.3.4 5.6.7.8 1 2', 'more'),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r', 'more'),
  line(`PROXY UNKNOWN ${'x'.repeat(93)}`, refused(/no line end within 107/)),
  line(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`, refused(/more than 107/), 'peer'),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n', refused(control)),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rx', refused(/CR without LF/)),
  line('PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n', refused(/none of TCP4/)),
  line('PROXY UNKNOWNX\r\n', refused(/none of TCP4/)),
  line('proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'none'),
  line('PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n', refused(/none of TCP4/)),
  line('PROXYX TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'none'),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n', refused(port)),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 00080 2\r\n', refused(port), '1.2.3.4:80 > 5.6.7.8:2'),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n', refused(port), '1.2.3.4:1 > 5.6.7.8:2'),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n', '1.2.3.4:0 > 5.6.7.8:0'),
  line('PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n', refused(address)),
  line('PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n', refused(address)),
  line('PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n', refused(address)),
  line('PROXY TCP4 1::2 3::4 1 2\r\n', refused(address)),
  line('PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n', refused(address)),
  line('PROXY TCP6 fe80::1%lo 5:6::7:8 1 2\r\n', refused(address), '[fe80::1%1]:1 > [5:6::7:8]:2'),
  line('PROXY TCP6 [1::2] 5:6::7:8 1 2\r\n', refused(address)),
  line('PROXY TCP6 ABCD::EF 0:0::1 1 2\r\n', '[abcd::ef]:1 > [::1]:2'),
  line('PROXY TCP6 ::ffff:1.2.3.4 ::ffff:5.6.7.8 1 2\r\n', '[::ffff:1.2.3.4]:1 > [::ffff:5.6.7.8]:2'),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n', refused(port)),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n', refused(/more than two/)),
  line('PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n', refused(/more than two/), '1.2.3.4:1 > 5.6.7.8:2'),
  line('PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n', refused(/more than one space/)),
  line('PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n', refused(/none of TCP4/)),
  line('PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n', refused(control)),
  line('PROXY UNKNOWN 1.2.3.4 and more\r\n', 'peer'),
  line('PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n', refused(control), '1.2.3.4:1 > 5.6.7.8:2'),
  line('PROXY UNKNOWN \0\r\n', refused(control), 'peer'),
  line('PROXY TCP4 0.0.0.0 5.6.7.8 1 2\r\n', '0.0.0.0:1 > 5.6.7.8:2', 'refused'),
];

/** The same for version 2. */
export const hostileHeaders: readonly ProxyCase[] = [
  row('a wrong byte in the signature', bytesOf('0d0a0d0a000d0a515549540d 2111 000c').fill(0, 12), 'none'),
  row('version 1', v2('1111', addresses4), refused(command)),
  row('version 3', v2('3111', addresses4), refused(command)),
  row('command 2', v2('2211', addresses4), refused(command)),
  row('LOCAL with addresses', v2('2011', addresses4), 'peer'),
  row('LOCAL with too few of them', v2('2011', from4), 'peer'),
  row('LOCAL of a family that is none', v2('2093', addresses4), 'peer'),
  row('protocol 3', v2('2113', addresses4), refused(family)),
  row('IPv4 without a protocol', v2('2110', addresses4), refused(family)),
  row('no family, but a protocol', v2('2101', ''), refused(family)),
  row('no family', v2('2100', ''), 'peer', 'refused'),
  row('no family, and bytes', v2('2100', '01020304'), 'peer', 'refused'),
  row('length 0 with IPv4', v2('2111', ''), refused(short)),
  row('a length beyond the bytes', v2('2111', addresses4, 13), 'more'),
  row('length 65535', v2('2111', addresses4, 65_535), refused(/65551 bytes, 4096 are allowed/)),
  row('LOCAL of 65535', v2('2000', '', 65_535), refused(/65551 bytes/)),
  row('a TLV past the end', v2('2111', addresses4 + tlv(5, '616263', 4)), refused(/TLV 0x05 goes beyond/)),
  row('a TLV of 65535', v2('2111', addresses4 + tlv(0xe0, '616263', 65_535)), refused(/TLV 0xe0 goes beyond/)),
  row('a TLV without a length', v2('2111', `${addresses4}0500`), refused(/TLV without a length/)),
  row('TLVs to the limit', largest(4096), `${four} e0=${'00'.repeat(4065)}`),
  row('TLVs beyond it', largest(4097), refused(/4097 bytes/), four),
  row('a checksum', checked(0xe17958b3), `${four} 03=e17958b3`),
  row('a wrong checksum', checked(0xe17958b2), refused(/checksum is wrong/), four),
  row('a checksum of three bytes', v2('2111', addresses4 + tlv(3, '616263')), refused(/one checksum/), four),
  row(
    'two checksums',
    v2('2111', addresses4 + tlv(3, 'a8c2c846') + tlv(3, '00000000')),
    refused(/not one checksum/),
    four,
  ),
  row('a UNIX address', v2('2131', '00'.repeat(216)), refused(family)),
  row('UDP over IPv4', v2('2112', addresses4), four),
  row('TCP over IPv6', v2('2121', addresses6), six),
  row('IPv4 in IPv6', v2('2121', mapped6), '[::ffff:1.2.3.4]:773 > [::ffff:5.6.7.8]:2'),
  row('a unique id', v2('2111', addresses4 + tlv(5, '61'.repeat(128))), `${four} 05=${'61'.repeat(128)}`),
  row('a long unique id', v2('2111', addresses4 + tlv(5, '61'.repeat(129))), refused(/more than 128/), four),
  row('an empty TLV', v2('2111', addresses4 + tlv(2, '')), `${four} 02=`),
];

function sixes(): string {
  const one = `[${'ffff:'.repeat(7)}ffff]:65535`;
  return `${one} > ${one}`;
}

function largest(bytes: number): Buffer {
  return v2('2111', addresses4 + tlv(0xe0, '00'.repeat(bytes - 16 - 12 - 3)));
}

function checked(checksum: number): Buffer {
  return v2('2111', addresses4 + tlv(3, checksum.toString(16).padStart(8, '0')));
}
