/** Every hostile request in five deliveries, judged at a raw-socket upstream (reliability.md, section 2). */

import tls from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import { startProxy, talk } from '../proxy-testing.ts';
import { clusterOf, seededRandom } from '../testing.ts';
import { type Bench, type Delivery, deliverAll, plainConnect, readEntries } from './testing/hostile.ts';
import { startStrictUpstream } from './testing/strict-upstream.ts';

const entries = [...readEntries('http1-hostile.json'), ...readEntries('http1-hostile-own.json')];

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const random = seededRandom(seed);

const whole = (bytes: Buffer): Buffer[] => [bytes];
const pieces = (bytes: Buffer, length: () => number): Buffer[] => {
  const cut: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + length();
    cut.push(bytes.subarray(at, end));
    at = end;
  }
  return cut;
};

/** The middle of what is very long comes a little faster. */
function byteByByte(bytes: Buffer): Buffer[] {
  const edge = 2048;
  let at = 0;
  return pieces(bytes, () => {
    const length = at >= edge && at < bytes.length - edge ? 32 : 1;
    at += length;
    return length;
  });
}

const deliveries: Record<string, Delivery> = {
  'on a fresh connection': { connect: plainConnect, warm: false, cut: whole },
  'after a good request on the same connection': { connect: plainConnect, warm: true, cut: whole },
  'byte by byte': { connect: plainConnect, warm: false, cut: byteByByte },
  'cut at random': {
    connect: plainConnect,
    warm: false,
    cut: (bytes) => pieces(bytes, () => 1 + Math.floor(random() * Math.min(bytes.length, 400))),
  },
  'inside TLS': {
    connect: ({ port, localAddress }, onReady) =>
      tls.connect(
        { port, host: '127.0.0.1', localAddress, rejectUnauthorized: false } as tls.ConnectionOptions,
        onReady,
      ),
    warm: false,
    cut: whole,
  },
};

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

let upstream: Bench['upstream'];
let plain: Awaited<ReturnType<typeof startProxy>>;
let secured: Awaited<ReturnType<typeof startProxy>>;

beforeAll(async () => {
  upstream = await startStrictUpstream();
  const cluster = clusterOf([upstream.port]);
  const { certificate: chain, key } = makeCertificate({ hosts: ['a'] });
  plain = await startProxy({ cluster });
  secured = await startProxy({
    cluster,
    tls: {
      certificates: [{ name: 'a', chain, key, hosts: ['a'] }],
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      alpn: ['http/1.1'],
      handshakeTimeoutMs: 10_000,
      client: null,
    },
  });
});

afterAll(async () => {
  await plain.stop();
  await secured.stop();
  await upstream.stop();
});

describe.each(Object.entries(deliveries))(`${entries.length} hostile requests %s`, (name, delivery) => {
  test(name === 'cut at random' ? `have the right end (seed ${seed})` : 'have the right end', async () => {
    if (name === 'cut at random') console.log(`seed ${seed}`);
    const proxy = name === 'inside TLS' ? secured : plain;
    expect(await deliverAll(entries, delivery, { proxy, upstream })).toEqual([]);
    expect(proxy.faults).toEqual([]);
    expect(proxy.server.stats.cxActive.value).toBe(0);
    expect(proxy.server.stats.rqActive.value).toBe(0);
  });
});

test('hostile requests leave nothing behind in memory', async () => {
  const heapAfter = async (rounds: number): Promise<number> => {
    for (let round = 0; round < rounds; round++) {
      await deliverAll(entries, deliveries['after a good request on the same connection']!, { proxy: plain, upstream });
      plain.log.length = 0;
      upstream.seen.length = 0;
    }
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = await heapAfter(1);
  const rounds = 2;
  const growth = (await heapAfter(rounds)) - before;
  // a connection that is kept by mistake is many times that
  expect(growth / (rounds * entries.length)).toBeLessThan(400);
});

test('what is dropped, kept and rewritten on the way to the upstream', async () => {
  upstream.seen.length = 0;
  await talk(
    plain.port,
    'GET /a/./b//c%61?q=//x HTTP/1.1\r\nHoSt: a\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\nKeep-Alive: timeout=9\r\n' +
      'TE: trailers, deflate\r\nX-Envoy-Internal: true\r\nX-Forwarded-Host: b\r\nX-Forwarded-For: 9.9.9.9\r\n' +
      'Proxy: http://evil\r\nX-Odd:\t v \t\r\nX-Request-Id: mine\r\nX-Forwarded-Client-Cert: Hash=00\r\nCookie: a=b\r\n\r\n',
    (answer) => answer.endsWith('ok'),
  );
  expect(upstream.seen).toHaveLength(1);
  expect(upstream.seen[0]!.target).toBe('/a/b/ca?q=//x');
  expect(upstream.seen[0]!.headers.map((header) => header.join(': '))).toEqual([
    'host: a',
    'x-odd: v',
    'cookie: a=b',
    'x-forwarded-for: 9.9.9.9,192.0.2.1',
    'x-forwarded-proto: http',
    'x-envoy-external-address: 127.0.0.1',
    'x-envoy-expected-rq-timeout-ms: 15000',
    'x-request-id: 00000000-0000-4000-8000-000000000000',
  ]);
});
