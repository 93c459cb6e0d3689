/** Every entry of e2e/data/http1-hostile.json on a fresh connection, judged at a raw-socket upstream. */
import fs from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterOf, startProxy, startRawUpstream } from '../testing.ts';

interface Entry {
  name: string;
  bytes: string;
  class: string;
  expect: string;
  also_ok?: string[];
  upstream_requests: number;
}

const entries: Entry[] = JSON.parse(
  fs.readFileSync(new URL('../../e2e/data/http1-hostile.json', import.meta.url), 'utf8'),
);

let upstream: Awaited<ReturnType<typeof startRawUpstream>>;
let proxy: Awaited<ReturnType<typeof startProxy>>;
/** Heads of the complete requests that the upstream saw. */
let seen: string[] = [];

beforeAll(async () => {
  const answered = new WeakMap<net.Socket, number>();
  upstream = await startRawUpstream((socket, all) => {
    let at = answered.get(socket) ?? 0;
    for (let next = completeRequest(all, at); next !== undefined; next = completeRequest(all, at)) {
      seen.push(next.head);
      at = next.end;
      answered.set(socket, at);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    }
  });
  proxy = await startProxy({ cluster: clusterOf([upstream.port]) });
});

afterAll(async () => {
  await proxy.stop();
  await upstream.stop();
});

/** The proxy frames strictly, so a simple reader is enough here. */
function completeRequest(all: Buffer, at: number): { head: string; end: number } | undefined {
  const headEnd = all.indexOf('\r\n\r\n', at);
  if (headEnd < 0) return undefined;
  const head = all.toString('latin1', at, headEnd);
  let end = headEnd + 4;
  if (/^transfer-encoding: chunked$/m.test(head)) {
    for (;;) {
      const lineEnd = all.indexOf('\r\n', end);
      if (lineEnd < 0) return undefined;
      const size = Number.parseInt(all.toString('latin1', end, lineEnd), 16);
      end = lineEnd + 2 + size + 2;
      if (all.length < end) return undefined;
      if (size === 0) return { head, end };
    }
  }
  const length = /^content-length: (\d+)$/m.exec(head);
  if (length !== null) end += Number(length[1]);
  return all.length < end ? undefined : { head, end };
}

/** Status codes of the answers on one connection, and whether it was closed. */
async function deliver(entry: Entry, wanted: number): Promise<{ statuses: string[]; closed: boolean }> {
  const socket = net.connect(proxy.port, '127.0.0.1');
  let answer = '';
  let closed = false;
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('end', () => {
    closed = true;
  });
  const before = proxy.server.stats.cxRxBytesTotal.value;
  const bytes = Buffer.from(entry.bytes, 'latin1');
  socket.write(bytes);
  const statuses = (): string[] =>
    [...answer.matchAll(/(?:^|ok|\n)HTTP\/1\.1 (\d{3}) /g)].map((m) => m[1]!).filter((s) => s !== '100');
  const whole = (): boolean => answer.endsWith('ok') || answer.endsWith('\r\n\r\n');
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (let turns = 0; !closed && !(statuses().length >= wanted && whole()); turns++) {
    const arrived = proxy.server.stats.cxRxBytesTotal.value - before >= bytes.length;
    // everything has arrived and nothing comes back: only time can end it
    if (arrived && turns > 2000) proxy.clock.advance(400_000);
    await turn();
  }
  for (let turns = 0; turns < 20; turns++) await turn();
  socket.destroy();
  // a SETTINGS frame
  const isHttp2 = answer.charCodeAt(3) === 4;
  return { statuses: isHttp2 ? ['h2-accepted-if-enabled'] : statuses(), closed };
}

test.each(entries.map((entry) => [entry.name, entry] as const))('%s', async (_name, entry) => {
  seen = [];
  const accepts = (word: string): boolean => word.startsWith('accept');
  const refusals = [entry.expect, ...(entry.also_ok ?? [])].filter((word) => !accepts(word));
  const mayAccept = accepts(entry.expect) || (entry.also_ok ?? []).some(accepts);
  const expectedRequests = Math.max(1, entry.upstream_requests);
  const { statuses, closed } = await deliver(entry, mayAccept ? expectedRequests : 1);
  const first = statuses[0] ?? (closed ? 'close' : 'silence');
  if (first === '200') {
    expect(mayAccept, `accepted: ${seen.join(' | ')}`).toBe(true);
    if (accepts(entry.expect)) expect(seen.length).toBe(entry.upstream_requests);
  } else {
    expect(refusals, `answered ${first}`).toContain(first);
    // where refusing is the second choice, what the accepting proxy would have forwarded does not count
    if (!accepts(entry.expect)) expect(seen.length).toBe(entry.upstream_requests);
    else expect(seen.length).toBe(0);
  }
});

test('what is dropped, kept and rewritten on the way to the upstream', async () => {
  seen = [];
  const entry = {
    name: '',
    class: '',
    expect: '',
    upstream_requests: 1,
    bytes:
      'GET /a/./b//c%61?q=//x HTTP/1.1\r\nHoSt: a\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\nKeep-Alive: timeout=9\r\n' +
      'TE: trailers, deflate\r\nX-Envoy-Internal: true\r\nX-Forwarded-Host: b\r\nX-Forwarded-For: 9.9.9.9\r\n' +
      'Proxy: http://evil\r\nX-Odd:\t v \t\r\nX-Request-Id: mine\r\nX-Forwarded-Client-Cert: Hash=00\r\nCookie: a=b\r\n\r\n',
  };
  await deliver(entry, 1);
  expect(seen).toHaveLength(1);
  expect(seen[0]!.split('\r\n')).toEqual([
    'GET /a/b/ca?q=//x HTTP/1.1',
    'host: a',
    'x-odd: v',
    'cookie: a=b',
    'x-forwarded-for: 9.9.9.9,127.0.0.1',
    'x-forwarded-proto: http',
    'x-request-id: 00000000-0000-4000-8000-000000000000',
    'x-envoy-expected-rq-timeout-ms: 15000',
  ]);
});
