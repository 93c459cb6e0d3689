import { describe, expect, test } from 'vitest';
import { seededRandom } from '../testing.ts';
import { crc32cWithout } from './crc32c.ts';
import { ProxyHeaderReader, type ProxyRead } from './proxy-protocol.ts';
import { hostileHeaders, hostileLines, type ProxyCase, published, v2 } from './proxy-protocol-testing.ts';

const payload = 'GET / HTTP/1.1\r\n';
const surroundings = Buffer.alloc(3, 'x');

interface Told {
  /** In the words of the cases. */
  readonly verdict: string;
  /** What goes on, behind the header or without one. */
  readonly rest: string;
}

/** Each piece stands in the middle of a buffer that is overwritten afterwards, as read buffers are. */
function readInPieces(pieces: readonly Buffer[]): Told {
  const reader = new ProxyHeaderReader();
  for (let i = 0; i < pieces.length; i++) {
    const b = Buffer.concat([surroundings, pieces[i]!, surroundings]);
    const to = b.length - surroundings.length;
    const read = reader.push(b, surroundings.length, to);
    const rest = restOf(read, b, to);
    b.fill(0xee);
    if (read.type === 'more') continue;
    if (read.type === 'refused') return { verdict: verdictOf(read), rest: '' };
    return { verdict: verdictOf(read), rest: rest + Buffer.concat(pieces.slice(i + 1)).toString('latin1') };
  }
  return { verdict: 'more', rest: '' };
}

function restOf(read: ProxyRead, b: Buffer, to: number): string {
  if (read.type === 'header') return b.toString('latin1', read.end, to);
  if (read.type !== 'none') return '';
  return (read.held?.toString('latin1') ?? '') + b.toString('latin1', surroundings.length, to);
}

function verdictOf(read: ProxyRead): string {
  if (read.type === 'refused') return `refused: ${read.reason}`;
  if (read.type !== 'header') return read.type;
  const { addresses, tlvs } = read.header;
  const values = tlvs.map((one) => ` ${Buffer.of(one.type).toString('hex')}=${Buffer.from(one.value).toString('hex')}`);
  if (addresses === null) return `peer${values.join('')}`;
  const { source, sourcePort, destination, destinationPort } = addresses;
  return `${written(source, sourcePort)} > ${written(destination, destinationPort)}${values.join('')}`;
}

function written(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** With bytes behind it, unless more of itself is awaited. */
function whole({ bytes, verdict }: ProxyCase): Buffer {
  return verdict === 'more' ? bytes : Buffer.concat([bytes, Buffer.from(payload)]);
}

function check({ verdict, bytes }: ProxyCase, told: Told): void {
  if (typeof verdict !== 'string') {
    expect(told.verdict).toMatch(/^refused: version [12]: /);
    expect(told.verdict).toMatch(verdict.refused);
    return;
  }
  expect(told.verdict).toBe(verdict);
  if (verdict === 'none') expect(told.rest).toBe(bytes.toString('latin1') + payload);
  else expect(told.rest).toBe(verdict === 'more' ? '' : payload);
}

describe.each([
  ['published vectors', published],
  ['hostile lines of version 1', hostileLines],
  ['hostile headers of version 2', hostileHeaders],
])('%s', (_, cases) => {
  test.each(cases.map((one) => [one.name.slice(0, 80), one] as const))('%s', (_name, one) => {
    const bytes = whole(one);
    check(one, readInPieces([bytes]));
    check(one, readInPieces(Array.from(bytes, (byte) => Buffer.of(byte))));
    const longest = Math.min(bytes.length, 300);
    for (let at = 1; at < longest; at++) check(one, readInPieces([bytes.subarray(0, at), bytes.subarray(at)]));
  });
});

test('a second header is payload, and so is what stands behind a length', () => {
  const header = v2('2111', '010203040001010203050002');
  const twice = Buffer.concat([header, header]);
  expect(readInPieces([twice]).rest).toBe(header.toString('latin1'));
  const longer = Buffer.concat([header, Buffer.of(5)]);
  expect(readInPieces([longer]).rest).toBe('\x05');
});

test('bytes without a header go on from where they stand, nothing kept', () => {
  const b = Buffer.from(`..${payload}`);
  expect(new ProxyHeaderReader().push(b, 2, b.length)).toEqual({ type: 'none', held: null });
});

test('a header that is never whole keeps no more than its length', () => {
  const reader = new ProxyHeaderReader();
  const flood = Buffer.alloc(64 * 1024, 0);
  v2('2111', '', 4080).copy(flood);
  expect(reader.push(flood, 0, 16).type).toBe('more');
  for (let sent = 16; sent < 4095; sent++) expect(reader.push(flood, sent, sent + 1).type).toBe('more');
  const read = reader.push(flood, 4095, flood.length);
  expect(read).toMatchObject({ type: 'header', end: 4096 });
});

test('CRC-32C is that of RFC 3720', () => {
  const zeroes = Buffer.alloc(32);
  expect(crc32cWithout(zeroes, 0, 32, 8)).toBe(0x8a9136aa);
  const digits = Buffer.from('..123456789..');
  expect(crc32cWithout(digits, 2, 11, 100)).toBe(0xe3069283);
});

test('whatever comes, and however it is cut, the verdict is one and nothing is thrown', () => {
  const seed = Date.now() % 2 ** 31;
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const cases = [...published, ...hostileLines, ...hostileHeaders];
  for (let round = 0; round < 3_000; round++) {
    const bytes = Buffer.from(whole(cases[below(cases.length)]!));
    for (let change = below(4); change > 0; change--) bytes[below(Math.min(bytes.length, 64))] = below(256);
    const once = readInPieces([bytes]);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + below(at === 0 ? 20 : bytes.length));
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
    expect(readInPieces(pieces), `seed ${seed}, ${bytes.toString('hex')}`).toEqual(once);
  }
});
