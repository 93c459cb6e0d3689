import { expect, test } from 'vitest';
import { seededRandom } from '../testing.ts';
import { ClientHelloReader, type HelloVerdict } from './client-hello.ts';
import {
  caughtHello,
  extension,
  type HelloParts,
  hello,
  helloMessage,
  names,
  number,
  protocols,
  records,
  vector,
} from './testing-hello.ts';

const whole = (bytes: Buffer): HelloVerdict => new ClientHelloReader().read(bytes);

/** What is said in the end when the bytes come in pieces of such lengths, and whether it was said too early. */
function inPieces(bytes: Buffer, cuts: readonly number[]): HelloVerdict {
  const reader = new ClientHelloReader();
  for (const cut of cuts) {
    // each time somewhere else in memory, as where a buffer grows
    const verdict = reader.read(Buffer.from(bytes.subarray(0, cut)));
    if (verdict.type !== 'more') return verdict;
  }
  return reader.read(bytes);
}

const everyByte = (bytes: Buffer): number[] => Array.from(bytes, (_, at) => at);

const found = (serverName: string, alpn: string[] = []): HelloVerdict => ({
  type: 'hello',
  hello: { serverName, alpn },
});
const refusedFor = (reason: string): unknown => ({ type: 'refused', reason });
const named = (parts: HelloParts): Buffer => records(helloMessage({ extensions: [names('a.example.com')], ...parts }));

const grease = [extension(0x0a0a, ''), extension(0x5a5a, Buffer.from([0]))];
const versions = extension(43, vector(Buffer.from([0x1a, 0x1a, 3, 4, 3, 3]), 1));
/** As large as that of X25519MLKEM768. */
const postQuantumShare = extension(51, vector(Buffer.concat([number(4588, 2), vector(Buffer.alloc(1216, 9))])));
/** An outer hello: its name is the one in the clear. */
const encryptedHello = extension(0xfe0d, Buffer.alloc(250, 3));

const browser = helloMessage({
  extensions: [
    grease[0]!,
    names('public.example.net'),
    protocols('\x0a\x0a', 'h2', 'http/1.1'),
    versions,
    postQuantumShare,
    encryptedHello,
    grease[1]!,
  ],
  ciphers: Buffer.from([0x2a, 0x2a, 0x13, 1, 0x13, 2]),
});
const browserSays = found('public.example.net', ['\x0a\x0a', 'h2', 'http/1.1']);

test.each([16_384, 512, 100, 3, 1])('a hello of a browser in records of %i bytes, cut anywhere, is read', (bytes) => {
  const sent = records(browser, bytes);
  expect(inPieces(sent, everyByte(sent))).toEqual(browserSays);
  for (let cut = 0; cut < sent.length; cut += bytes === 1 ? 97 : 1) {
    expect(inPieces(sent, [cut])).toEqual(browserSays);
  }
});

test.each([
  ['TLSv1.2', 'TLSv1.2'],
  ['TLSv1.2', 'TLSv1.3'],
  ['TLSv1.3', 'TLSv1.3'],
] as const)("Node's own hello for %s to %s, cut anywhere, is read", async (minVersion, maxVersion) => {
  const options = { minVersion, maxVersion, servername: 'Orders.DB.example.com', ALPNProtocols: ['postgresql', 'h2'] };
  const sent = await caughtHello(options);
  const expected = found('orders.db.example.com', ['postgresql', 'h2']);
  expect(inPieces(sent, everyByte(sent))).toEqual(expected);
  for (let cut = 0; cut < sent.length; cut++) expect(inPieces(sent, [cut])).toEqual(expected);
  const split = records(sent.subarray(5), 64);
  for (let cut = 0; cut < split.length; cut++) expect(inPieces(split, [cut])).toEqual(expected);
});

// Appendix B of the reliability goals, as far as it is about the hello, and what Envoy 1.40 was seen to make of each
test.each<[string, Buffer, unknown]>([
  ['no name', hello(versions), found('')],
  ['no extensions', records(helloMessage({ extensions: null })), found('')],
  ['an empty list of extensions', hello(), found('')],
  ['an empty name', hello(names('')), refusedFor('bad server name')],
  ['an empty list of names', hello(extension(0, vector(''))), refusedFor('bad server name')],
  ['an empty extension of names', hello(extension(0, '')), refusedFor('bad server name')],
  ['a name of 255 bytes', hello(names('a'.repeat(255))), found('a'.repeat(255))],
  ['a name of 256 bytes', hello(names('a'.repeat(256))), refusedFor('bad server name')],
  ['two names', hello(names('a.example.com', 'b.example.com')), refusedFor('bad server name')],
  ['two extensions of names', hello(names('a'), names('b')), refusedFor('malformed')],
  ['a name of another type', hello(extension(0, vector(Buffer.from([1, 0, 1, 97])))), refusedFor('bad server name')],
  ['a byte behind the names', hello(extension(0, `\0\x04\0\0\x01a.`)), refusedFor('bad server name')],
  ['upper case', hello(names('A.Example.COM')), found('a.example.com')],
  ['a trailing dot', hello(names('a.example.com.')), found('a.example.com.')],
  ['NUL inside', hello(names('a.example.com\0.evil')), refusedFor('bad server name')],
  ['a line end inside', hello(names('a\nb.example.com')), refusedFor('bad server name')],
  ['a space inside', hello(names('a b.example.com')), refusedFor('bad server name')],
  ['Unicode', hello(names(Buffer.from('\u00fc.example.com'))), refusedFor('bad server name')],
  ['an IP literal', hello(names('127.0.0.1')), found('127.0.0.1')],
  ['a name with a port', hello(names('a.example.com:443')), found('a.example.com:443')],
  ['records of one byte', records(helloMessage({ extensions: [names('a')] }), 1), found('a')],
  ['16,384 bytes', named({ extensions: [extension(21, Buffer.alloc(16_384 - 90))] }), found('')],
  ['one more', named({ extensions: [extension(21, Buffer.alloc(16_384 - 89))] }), refusedFor('too large')],
  ['255 ciphers', named({ ciphers: Buffer.alloc(510, 0xc0) }), found('a.example.com')],
  ['no ciphers', named({ ciphers: Buffer.alloc(0) }), refusedFor('malformed')],
  ['a cipher and a half', named({ ciphers: Buffer.alloc(3) }), refusedFor('malformed')],
  ['no compression', named({ compressions: Buffer.alloc(0) }), refusedFor('malformed')],
  ['a session of 33 bytes', named({ session: Buffer.alloc(33) }), refusedFor('malformed')],
  ['SSL 2.0', Buffer.from([0x80, 46, 1, 3, 1, 0, 21, 0, 0, 0, 16]), { type: 'not-tls' }],
  ['SSL 3.0', named({ version: 0x0300 }), refusedFor('older than TLS 1.0')],
  ['TLS 1.0', named({ version: 0x0301 }), found('a.example.com')],
  ['an alert first', Buffer.from([21, 3, 1, 0, 2, 2, 40]), { type: 'not-tls' }],
  ['a record of a version that is none', Buffer.from([22, 4, 0, 0, 1]), { type: 'not-tls' }],
  ['half a record', hello(names('a.example.com')).subarray(0, 60), { type: 'more' }],
  ['an empty list of protocols', hello(extension(16, vector(''))), refusedFor('malformed')],
  ['an empty protocol', hello(protocols('')), refusedFor('malformed')],
  ['a protocol that nobody knows', hello(protocols('zz')), found('', ['zz'])],
  ['two lists of protocols', hello(protocols('h2'), protocols('h2')), refusedFor('malformed')],
  ['a list of protocols that is cut', hello(extension(16, Buffer.from([0, 9, 2, 104]))), refusedFor('malformed')],
  ['a request of HTTP', Buffer.from('GET / HTTP/1.1\r\n'), { type: 'not-tls' }],
  ['an answer of a server', Buffer.from([22, 3, 3, 0, 4, 2, 0, 0, 0]), refusedFor('no client hello')],
  ['an extension that is cut', hello(Buffer.from([0, 21, 0, 9, 1])), refusedFor('malformed')],
  ['an empty record first', Buffer.concat([Buffer.from([22, 3, 1, 0, 0]), hello()]), refusedFor('malformed')],
  ['a record of 17,000 bytes', Buffer.from([22, 3, 1, 0x42, 0x68]), refusedFor('too large')],
  ['a message of a megabyte', Buffer.from([22, 3, 1, 0, 4, 1, 0x10, 0, 0]), refusedFor('too large')],
  [
    'another record between',
    Buffer.concat([records(browser, 64).subarray(0, 69), Buffer.from([20, 3])]),
    refusedFor('malformed'),
  ],
  [
    'another message behind it in its record',
    records(Buffer.concat([helloMessage(), Buffer.from([1, 0, 0, 0])])),
    refusedFor('malformed'),
  ],
  ['a name that is not the Host behind it', Buffer.concat([hello(names('a')), Buffer.from('Host: b')]), found('a')],
  ['h2, and HTTP/1.1 behind it', Buffer.concat([hello(protocols('h2')), Buffer.from('GET /')]), found('', ['h2'])],
  ['a session ticket of another name', hello(names('a'), extension(35, Buffer.alloc(192, 1))), found('a')],
  ['another record behind it', Buffer.concat([hello(names('a')), Buffer.from('GET /')]), found('a')],
])('%s', (_, bytes, verdict) => {
  expect(whole(bytes)).toEqual(verdict);
  expect(inPieces(bytes, everyByte(bytes))).toEqual(verdict);
});

test('a hello in one-byte records that is too large with them is refused before it is here', () => {
  const sent = records(helloMessage({ extensions: [extension(21, Buffer.alloc(3000))] }), 1);
  expect(sent.length).toBeGreaterThan(16_384);
  expect(inPieces(sent, everyByte(sent))).toEqual(refusedFor('too large'));
});

test('whatever is cut off or changed in a hello, something is said of it and nothing is thrown', () => {
  const sent = records(browser);
  for (let at = 0; at < sent.length; at++) {
    const changed = Buffer.from(sent);
    for (const value of [0, 1, 0x7f, 0xff]) {
      changed[at] = value;
      expect(whole(changed).type).toMatch(/^(?:more|not-tls|refused|hello)$/);
    }
    const cut = helloMessage().subarray(4, at);
    expect(whole(records(Buffer.concat([number(1, 1), vector(cut, 3)]))).type).toMatch(/^(?:refused|hello)$/);
  }
});

test('however a hello is broken and cut, the same is said of it', () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const random = seededRandom(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  for (let turn = 0; turn < 300; turn++) {
    const message = Buffer.from(turn % 2 === 0 ? browser : helloMessage({ extensions: [names('a'), protocols('h2')] }));
    for (let faults = below(4); faults > 0; faults--) message[below(message.length)] = below(256);
    const bytes = records(message, 1 + below(message.length));
    if (random() < 0.3) bytes[below(bytes.length)] = below(256);
    const cuts = Array.from({ length: below(8) }, () => below(bytes.length)).sort((a, b) => a - b);
    expect(inPieces(bytes, cuts), `seed ${seed}, ${bytes.toString('hex')} cut at ${cuts}`).toEqual(whole(bytes));
  }
});
