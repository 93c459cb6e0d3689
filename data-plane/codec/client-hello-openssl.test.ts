/** What Node's own TLS reads of a hello, our reader has to read too, or refuse: else names could be smuggled past it. */
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import { seededRandom } from '../testing.ts';
import { type ClientHello, ClientHelloReader } from './client-hello.ts';
import { caughtHello, extension, helloMessage, names, protocols, records } from './testing-hello.ts';

const { certificate: cert, key } = makeCertificate({ hosts: ['a'] });
const context = tls.createSecureContext({ cert, key });

/** Null: it has refused the hello before it had read so far. */
function read(bytes: Buffer): Promise<Partial<ClientHello> | null> {
  return new Promise((resolve) => {
    let seen: { serverName?: string; alpn?: readonly string[] } | null = null;
    const pipe = new Duplex({
      read: () => {},
      // an answer: all of the hello is read
      write: (_chunk, _, done) => {
        resolve(seen);
        done();
      },
    });
    const socket = new tls.TLSSocket(pipe, {
      ...{ isServer: true, secureContext: context },
      SNICallback: (serverName: string, done: (error: null, chosen: tls.SecureContext) => void) => {
        seen = { ...seen, serverName: serverName.toLowerCase() };
        done(null, context);
      },
      ALPNCallback: ({ protocols: alpn }: { protocols: string[] }) => {
        seen = { ...seen, alpn };
        return alpn[0];
      },
    });
    socket.on('error', () => resolve(seen));
    socket.on('close', () => resolve(seen));
    pipe.push(bytes);
    pipe.push(null);
  });
}

let real: Buffer[] = [];

beforeAll(async () => {
  const asked = { servername: 'orders.example.com', ALPNProtocols: ['h2', 'x'] };
  const caught = await Promise.all([
    caughtHello({ ...asked, maxVersion: 'TLSv1.2' }),
    caughtHello({ ...asked, ecdhCurve: 'X25519' }),
  ]);
  real = caught.map((bytes) => bytes.subarray(5));
});

test('both read the same of a hello that is as it should be', async () => {
  for (const message of real) {
    const bytes = records(message);
    const expected = { serverName: 'orders.example.com', alpn: ['h2', 'x'] };
    expect(await read(bytes)).toEqual(expected);
    expect(new ClientHelloReader().read(bytes)).toEqual({ type: 'hello', hello: expected });
  }
});

test('of a broken one nothing is read that we read otherwise', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const doubled = [names('a', 'b'), names('a'), names('B'), protocols('h2'), protocols('x'), extension(0, '\0\0')];
  let both = 0;
  for (let turn = 0; turn < 300; turn++) {
    const extensions = doubled.filter(() => random() < 0.4);
    const message = Buffer.from(turn % 3 === 0 ? helloMessage({ extensions }) : real[turn % 2]!);
    // most of a hello is of no meaning here: names and lengths stand where text does
    const text = message.indexOf('orders');
    const around = text > 0 && random() < 0.8 ? text - 12 : 4;
    for (let faults = below(3); faults > 0; faults--) {
      message[Math.min(message.length - 1, around + below(48))] = random() < 0.5 ? below(256) : below(32);
    }
    const bytes = records(message, random() < 0.5 ? 16_384 : 1 + below(message.length));
    const theirs = await read(bytes);
    const ours = new ClientHelloReader().read(bytes);
    if (theirs === null || ours.type !== 'hello') continue;
    both++;
    const label = `seed ${seed}: ${bytes.toString('hex')}`;
    if (theirs.serverName !== undefined) expect(ours.hello.serverName, label).toBe(theirs.serverName);
    if (theirs.alpn !== undefined) expect(ours.hello.alpn, label).toEqual(theirs.alpn);
  }
  expect(both).toBeGreaterThan(50);
});
