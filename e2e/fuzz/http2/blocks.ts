/** Header blocks written in every way that HPACK allows, and in some that it does not. */
import { writeInteger } from '../../../proto/http2/field.ts';
import { encodeHuffman, huffmanLength } from '../../../proto/http2/huffman.ts';
import { staticTable } from '../../../proto/http2/static-table.ts';
import type { Random } from '../../../proto/http2/testing/wire.ts';
import { pick } from '../random.ts';

export type Pair = readonly [name: string, value: string];

const plainNames = [
  'x-a',
  'x-b',
  'cookie',
  'accept',
  'x-long-name-that-is-in-no-table',
  'content-type',
  'via',
  'set-cookie',
];
const plainValues = [
  '',
  'b',
  'value 1',
  'application/grpc',
  'gzip, deflate',
  'v'.repeat(40),
  '\xe9\xff',
  '"a"',
  '~`^|',
];

const requestPairs: readonly Pair[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.example'],
];

export function plainPairs(random: Random, most: number): Pair[] {
  return Array.from({ length: random(most + 1) }, () => [pick(random, plainNames), pick(random, plainValues)] as const);
}

/** A request that is right, with its pseudo-headers in any order. */
export function requestOf(random: Random, method: string, fields: readonly Pair[]): Pair[] {
  const pseudo: Pair[] = [[':method', method], ...requestPairs.slice(1)];
  for (let swaps = random(3); swaps > 0; swaps--) pseudo.push(...pseudo.splice(random(pseudo.length), 1));
  return [...pseudo, ...fields];
}

/** Each field in one of the ways that it can be written. */
export function blockOf(random: Random, pairs: readonly Pair[]): Buffer {
  return Buffer.concat(pairs.map((pair) => representation(random, pair)));
}

function representation(random: Random, [name, value]: Pair): Buffer {
  const whole = staticTable.findIndex((one) => one[0] === name && one[1] === value) + 1;
  if (whole > 0 && random(4) > 0) return integer(0x80, 7, whole);
  const nameAt = random(5) === 0 ? 0 : staticTable.findIndex((one) => one[0] === name) + 1;
  const [flags, prefixBits] = pick(random, [
    [0x40, 6],
    [0x40, 6],
    [0x00, 4],
    [0x10, 4],
  ] as const);
  const parts = [integer(flags, prefixBits, nameAt)];
  if (nameAt === 0) parts.push(string(random, name));
  parts.push(string(random, value));
  return Buffer.concat(parts);
}

export function integer(flags: number, prefixBits: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  return bytes.subarray(0, writeInteger(bytes, 0, flags, prefixBits, value));
}

function string(random: Random, text: string): Buffer {
  if (random(2) === 0) return Buffer.concat([integer(0, 7, text.length), Buffer.from(text, 'latin1')]);
  const length = huffmanLength(text);
  const coded = Buffer.alloc(length);
  encodeHuffman(text, coded, 0);
  return Buffer.concat([integer(0x80, 7, length), coded]);
}

/** A reference to what may stand in the dynamic table. */
export function dynamicReference(random: Random): Buffer {
  return integer(0x80, 7, 62 + random(random(12) === 0 ? 80 : 3));
}

/** A change of the table's size that stands where it may, if it stands first. */
export function tableSize(random: Random): Buffer {
  return integer(0x20, 5, pick(random, [0, 31, 40, 64, 100, 200, 400, 4095, 4096, random(12) === 0 ? 4097 : 4096]));
}

/** One or a few of the bytes changed, left out or doubled. */
export function damaged(random: Random, bytes: Buffer): Buffer {
  let damage = Buffer.from(bytes);
  for (let times = 1 + random(3); times > 0 && damage.length > 0; times--) {
    const at = random(damage.length);
    const byte = Buffer.from([random(3) === 0 ? pick(random, [0, 0x3f, 0x7f, 0x80, 0xff, 0x20]) : random(256)]);
    const behind = damage.subarray(at + 1);
    const middle = pick(random, [byte, byte, Buffer.alloc(0), Buffer.concat([damage.subarray(at, at + 1), byte])]);
    damage = Buffer.concat([damage.subarray(0, at), middle, behind]);
  }
  return damage;
}
