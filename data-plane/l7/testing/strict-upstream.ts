/** A raw-socket upstream that takes nothing on trust: every byte that a proxy sends it must be a request to the letter. */
import net from 'node:net';

/** A complete request. */
export interface SeenRequest {
  /** Who asked: the last address of x-forwarded-for. */
  readonly client: string;
  readonly method: string;
  readonly target: string;
  /** In order of arrival, names lower-case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export function valuesOf(request: SeenRequest, name: string): string[] {
  return request.headers.filter(([other]) => other === name).map(([, value]) => value);
}

export interface StrictUpstream {
  readonly port: number;
  readonly seen: SeenRequest[];
  /** What no proxy may send, with the bytes. */
  readonly faults: string[];
  /** Bytes that came. */
  readonly received: () => number;
  stop(): Promise<void>;
}

/** Answers every complete request with 200 `ok`, without a body to HEAD. */
export async function startStrictUpstream(): Promise<StrictUpstream> {
  const seen: SeenRequest[] = [];
  const faults: string[] = [];
  const sockets = new Set<net.Socket>();
  let received = 0;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let waiting = '';
    socket.on('data', (chunk) => {
      received += chunk.length;
      waiting += chunk.toString('latin1');
      for (;;) {
        const read = readRequest(waiting);
        if (read === 'more') return;
        if (typeof read === 'string') {
          faults.push(`${read}: ${JSON.stringify(waiting.slice(0, 300))}`);
          socket.destroy();
          return;
        }
        seen.push(read.request);
        waiting = waiting.slice(read.end);
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${read.request.method === 'HEAD' ? '' : 'ok'}`);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    seen,
    faults,
    received: () => received,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[^\s#?]*(?:\?[^\s#]*)?|\*) HTTP\/1\.1$/;
const headerLine =
  /^([!#$%&'*+.^`|~0-9a-z-]+): ((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)$/;
/** RFC 3986 section 3.2.2, as names are in use: no sub-delimiters, no escapes. */
const hostAndPort = /^(?:[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

/** Hop by hop, or the business of the proxy alone (RFC 9110 section 7.6.1; reliability.md, class hop-by-hop-and-trust). */
const neverSent = [
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'http2-settings', 'expect', 'proxy'],
  ...['x-forwarded-host', 'x-forwarded-client-cert', 'x-envoy-internal', 'x-envoy-original-path'],
];

/** The request that `text` begins with, or `more`, or what is wrong with it. */
function readRequest(text: string): { request: SeenRequest; end: number } | string {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return 'more';
  const [first, ...lines] = text.slice(0, headEnd).split('\r\n');
  const asked = requestLine.exec(first!);
  if (asked === null) return 'request line';
  const headers = lines.map((line) => headerLine.exec(line));
  if (headers.includes(null)) return 'header line';
  const request = {
    client: '',
    method: asked[1]!,
    target: asked[2]!,
    headers: headers.map((m) => [m![1]!, m![2]!] as const),
    body: '',
  };
  const fault = faultOf(request);
  if (fault !== undefined) return fault;
  const client = valuesOf(request, 'x-forwarded-for')[0]!.split(',').at(-1)!;
  const body = readBody(request, text, headEnd + 4);
  return typeof body === 'string' ? body : { request: { ...request, client, body: body.text }, end: body.end };
}

function faultOf(request: SeenRequest): string | undefined {
  const only = (name: string): boolean => valuesOf(request, name).length === 1;
  const sent = neverSent.find((name) => valuesOf(request, name).length > 0);
  if (sent !== undefined) return `${sent} was sent on`;
  if (!only('host') || !hostAndPort.test(valuesOf(request, 'host')[0]!)) return 'host';
  if (!only('x-forwarded-for') || !only('x-forwarded-proto') || !only('x-request-id')) return 'identity';
  const path = request.target.split('?')[0]!;
  if (/\/\/|\/\.{1,2}(?:\/|;|$)|\\|%(?![0-9A-Fa-f]{2})|%(?:2[ef]|5c|00)/i.test(path)) return 'path';
  const framing = [...valuesOf(request, 'content-length'), ...valuesOf(request, 'transfer-encoding')];
  if (framing.length > 1) return 'two framings';
  return undefined;
}

/** The body behind the head; chunks without extensions and trailers, as the proxy makes them itself. */
function readBody(request: SeenRequest, text: string, start: number): { text: string; end: number } | string {
  const [coding] = valuesOf(request, 'transfer-encoding');
  const [length] = valuesOf(request, 'content-length');
  if (coding === undefined) {
    if (length !== undefined && !/^(?:0|[1-9][0-9]*)$/.test(length)) return 'length';
    const end = start + Number(length ?? 0);
    return text.length < end ? 'more' : { text: text.slice(start, end), end };
  }
  if (coding !== 'chunked') return 'coding';
  let body = '';
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return 'more';
    const line = text.slice(at, lineEnd);
    if (!/^[0-9a-f]+$/.test(line)) return 'chunk size';
    const end = lineEnd + 2 + Number.parseInt(line, 16);
    if (text.length < end + 2) return 'more';
    if (text.slice(end, end + 2) !== '\r\n') return 'chunk end';
    body += text.slice(lineEnd + 2, end);
    at = end + 2;
    if (line === '0') return { text: body, end: at };
  }
}
