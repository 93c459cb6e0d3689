import { describe, expect, test } from 'vitest';
import { errorCodes } from './errors.ts';
import { type Field, type FieldLike, field, recordOf, sharedField } from './field.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { encoded, HpackEncoder } from './hpack-encoder.ts';
import { decodedBound, decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';

const wide = { maxHeaderListBytes: 1_000_000, maxHeaders: 1_000 };

function decodeHex(decoder: HpackDecoder, hex: string): string[] | undefined {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return decoder.decode(bytes, 0, bytes.length)?.map(line);
}

function line(one: Field): string {
  return `${one.name}: ${one.value}`;
}

function encode(encoder: HpackEncoder, fields: readonly FieldLike[]): Buffer {
  const length = encoder.encode(fields);
  return Buffer.from(encoded.subarray(0, length));
}

const get = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
const thirdGet = [
  ':method: GET',
  ':scheme: https',
  ':path: /index.html',
  ':authority: www.example.com',
  'custom-key: custom-value',
];
const found = [
  ':status: 302',
  'cache-control: private',
  'date: Mon, 21 Oct 2013 20:13:21 GMT',
  'location: https://www.example.com',
];
const foundAgain = [':status: 307', ...found.slice(1)];
const okWithCookie = [
  ':status: 200',
  'cache-control: private',
  'date: Mon, 21 Oct 2013 20:13:22 GMT',
  'location: https://www.example.com',
  'content-encoding: gzip',
  'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
];

/** RFC 7541, appendix C: blocks of one connection, one after the other, and what they say. */
const vectors: Record<string, { readonly table?: number; readonly blocks: readonly (readonly [string, string[]])[] }> =
  {
    'C.2.1': {
      blocks: [['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key: custom-header']]],
    },
    'C.2.2': { blocks: [['040c 2f73 616d 706c 652f 7061 7468', [':path: /sample/path']]] },
    'C.2.3': { blocks: [['1008 7061 7373 776f 7264 0673 6563 7265 74', ['password: secret']]] },
    'C.2.4': { blocks: [['82', [':method: GET']]] },
    'C.3': {
      blocks: [
        ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', get],
        ['8286 84be 5808 6e6f 2d63 6163 6865', [...get, 'cache-control: no-cache']],
        ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', thirdGet],
      ],
    },
    'C.4': {
      blocks: [
        ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', get],
        ['8286 84be 5886 a8eb 1064 9cbf', [...get, 'cache-control: no-cache']],
        ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', thirdGet],
      ],
    },
    'C.5': {
      table: 256,
      blocks: [
        [
          '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120' +
            '474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
          found,
        ],
        ['4803 3330 37c1 c0bf', foundAgain],
        [
          '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738' +
            '666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33' +
            '3630 303b 2076 6572 7369 6f6e 3d31',
          okWithCookie,
        ],
      ],
    },
    'C.6': {
      table: 256,
      blocks: [
        [
          '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718' +
            '63c7 8f0b 97c8 e9ae 82ae 43d3',
          found,
        ],
        ['4883 640e ffc1 c0bf', foundAgain],
        [
          '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7' +
            'b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
          okWithCookie,
        ],
      ],
    },
  };

test.each(Object.entries(vectors))('RFC 7541, %s is read as it is printed there', (_, { table, blocks }) => {
  const decoder = new HpackDecoder(wide);
  if (table !== undefined) decoder.allowTable(table);
  for (const [hex, lines] of blocks) expect(decodeHex(decoder, hex)).toEqual(lines);
});

describe('the decoder refuses with COMPRESSION_ERROR', () => {
  test.each([
    ['index 0', '80'],
    ['an index beyond the table', 'be'],
    ['a string longer than the block', '400a 6375'],
    ['a number without an end', 'ffff ffff ffff ffff'],
    ['a number of six bytes', 'ff80 8080 8080 01'],
    ['a resize behind a field', '8220'],
    ['a table larger than offered', '3fe2 1f'],
    ['the end of string in a Huffman string', '4084 ffff ffff 00'],
    ['padding of eight bits', '4082 1fff 00'],
    ['padding of zeros', '4081 1800'],
  ])('%s', (_, hex) => {
    expect(() => decodeHex(new HpackDecoder(wide), hex)).toThrow(
      expect.objectContaining({ code: errorCodes.COMPRESSION_ERROR }),
    );
  });
});

test('a list over the limits is not kept, but what it put into the table is', () => {
  const decoder = new HpackDecoder({ maxHeaderListBytes: 100, maxHeaders: 2 });
  expect(decodeHex(decoder, '8284 86 4003 6162 6303 7879 7a')).toBeUndefined();
  expect(decodeHex(decoder, 'be')).toEqual(['abc: xyz']);
  expect(decodeHex(decoder, 'bebe be')).toBeUndefined();
});

test('a shared field goes out in full once, and then as its place in the table', () => {
  const encoder = new HpackEncoder();
  const fields = [sharedField('x-tenant', 'blue'), sharedField(':status', '200')];
  const first = encode(encoder, fields);
  expect(first.length).toBeGreaterThan(10);
  expect(encode(encoder, fields).toString('hex')).toBe('be88');
  const decoder = new HpackDecoder(wide);
  expect(decodeHex(decoder, first.toString('hex'))).toEqual(['x-tenant: blue', ':status: 200']);
  expect(decodeHex(decoder, 'be88')).toEqual(['x-tenant: blue', ':status: 200']);
});

test('credentials and short cookies are never indexed, and what came so goes on so', () => {
  const encoder = new HpackEncoder();
  const secrets = [field('authorization', 'Bearer x'), field('cookie', 'a=b'), field('x-plain', 'c')];
  expect(secrets.map((one) => one.neverIndexed)).toEqual([true, true, false]);
  const bytes = encode(encoder, secrets);
  const decoder = new HpackDecoder(wide);
  const received = decoder.decode(bytes, 0, bytes.length);
  expect(received?.map((one) => one.neverIndexed)).toEqual([true, true, false]);
  expect(encode(encoder, received ?? [])).toEqual(bytes);
});

test('a smaller table is announced, and one that was smaller for a while twice', () => {
  const encoder = new HpackEncoder();
  encode(encoder, [sharedField('x-tenant', 'green')]);
  encoder.limitTable(0);
  encoder.limitTable(100);
  const bytes = encode(encoder, [sharedField('x-tenant', 'green')]);
  expect(bytes.subarray(0, 3).toString('hex')).toBe('203f45');
  expect(decodeHex(new HpackDecoder(wide), bytes.toString('hex'))).toEqual(['x-tenant: green']);
});

test('what may not stand in a message is not encoded', () => {
  for (const pair of [
    ['Upper', ''],
    ['a b', ''],
    ['x', 'a\r\nb'],
    ['x', ' a'],
    ['x', '\u010a'],
    ['', ''],
  ] as const) {
    expect(() => recordOf(pair), JSON.stringify(pair)).toThrow(/may not be sent/);
  }
});

test('every byte survives the Huffman code', () => {
  const text = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
  const coded = Buffer.alloc(huffmanLength(text));
  expect(encodeHuffman(text, coded, 0)).toBe(coded.length);
  const plain = Buffer.alloc(decodedBound(coded.length));
  expect(plain.latin1Slice(0, decodeHuffman(coded, 0, coded.length, plain))).toBe(text);
});
