import net from 'node:net';
import type { Cleanup } from './fairlead.ts';
import { startTcpBackend } from './tcp-backend.ts';

/** What the upstream got. */
export interface Seen {
  readonly backend: string;
  readonly line: string;
  /** In order, as they came. */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
  /** Null: the answer is not the upstream's. */
  readonly seen: Seen | null;
}

const patienceMs = 30_000;

/** Answers each request with what it got, in JSON. */
export async function startRawBackend(cleanup: Cleanup, name: string): Promise<{ port: number }> {
  const port = await startTcpBackend(cleanup, (socket) => {
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      rest += text;
      for (let message = readMessage(rest); message !== undefined; message = readMessage(rest)) {
        rest = rest.slice(message.end);
        const [line = '', ...headers] = message.head.split('\r\n');
        const body = JSON.stringify({ backend: name, line, headers, body: message.body } satisfies Seen);
        const more = line.startsWith('HEAD ') ? '' : body;
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${more}`,
          'latin1',
        );
      }
    });
  });
  return { port };
}

/** Sends `bytes` on a connection of its own, from a loopback address; resolves once the answer is whole. */
export function askRaw(port: number, bytes: string, from = '127.0.7.1'): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: from });
    const timer = setTimeout(() => finish(true), patienceMs);
    const withoutBody = bytes.startsWith('HEAD ');
    let text = '';
    const finish = (ended: boolean): void => {
      const message = readMessage(text, withoutBody, ended);
      if (message === undefined && !ended) return;
      clearTimeout(timer);
      socket.destroy();
      if (message === undefined) reject(new Error(`no whole answer to ${JSON.stringify(bytes)}: ${text}`));
      else resolve(answerOf(message));
    };
    socket.setEncoding('latin1');
    socket.on('error', () => finish(true));
    socket.on('close', () => finish(true));
    socket.on('data', (data: string) => {
      text += data;
      finish(false);
    });
    socket.write(bytes, 'latin1');
  });
}

interface Message {
  readonly head: string;
  readonly body: string;
  readonly end: number;
}

function answerOf({ head, body }: Message): RawAnswer {
  const [line = '', ...headers] = head.split('\r\n');
  return {
    status: Number(line.slice(9, 12)),
    headers,
    body,
    seen: body.startsWith('{"backend"') ? JSON.parse(body) : null,
  };
}

/** The first whole message of `text`. */
function readMessage(text: string, withoutBody = false, ended = false): Message | undefined {
  const at = text.indexOf('\r\n\r\n');
  if (at < 0) return undefined;
  const head = text.slice(0, at);
  const start = at + 4;
  if (withoutBody) return { head, body: '', end: start };
  if (/\r\ntransfer-encoding: chunked/i.test(head)) return readChunks(text, head, start);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined && head.startsWith('HTTP/') && !/^HTTP\/1.1 (204|304)/.test(head) && !ended)
    return undefined;
  const end = length === undefined ? start : start + Number(length);
  return text.length < end ? undefined : { head, body: text.slice(start, end), end };
}

function readChunks(text: string, head: string, start: number): Message | undefined {
  let body = '';
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    const bytes = Number.parseInt(text.slice(at, lineEnd), 16);
    const next = lineEnd + 2 + bytes + 2;
    if (lineEnd < 0 || text.length < next) return undefined;
    if (bytes === 0) return { head, body, end: next };
    body += text.slice(lineEnd + 2, lineEnd + 2 + bytes);
    at = next;
  }
}
