import net from 'node:net';
import type { Cleanup } from '../support/fairlead.ts';
import { startTcpBackend } from '../support/tcp-backend.ts';

const connections = 4;
/** Requests that are sent ahead on one connection. */
const ahead = 32;

/** Answers each request with `name`, pipelined ones too; reads no bodies. */
export async function startNamed(cleanup: Cleanup, name: string): Promise<number> {
  const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${name.length}\r\n\r\n${name}`;
  return startTcpBackend(cleanup, (socket) => {
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      const heads = (rest + text).split('\r\n\r\n');
      rest = heads.pop()!;
      if (heads.length > 0) socket.write(answer.repeat(heads.length));
    });
  });
}

/** What answers each key, in their order: a name, or the status where it is not 200. */
export async function whereTo(port: number, path: string, keys: readonly string[]): Promise<string[]> {
  const share = Math.ceil(keys.length / connections);
  const parts = Array.from({ length: connections }, (_, i) => keys.slice(i * share, (i + 1) * share));
  return (await Promise.all(parts.map((part) => askAll(port, path, part)))).flat();
}

function askAll(port: number, path: string, keys: readonly string[]): Promise<string[]> {
  const answers: string[] = [];
  if (keys.length === 0) return Promise.resolve(answers);
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let sent = 0;
    let rest = '';
    const send = (): void => {
      const wanted = Math.min(keys.length, answers.length + ahead);
      if (wanted - sent < Math.min(ahead / 2, keys.length - sent)) return;
      const requests = keys.slice(sent, wanted).map((key) => requestFor(path, key));
      sent = wanted;
      socket.write(requests.join(''), 'latin1');
    };
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.on('close', () =>
      reject(new Error(`port ${port} closed after ${answers.length} of ${keys.length} answers`)),
    );
    socket.on('data', (text: string) => {
      rest += text;
      for (let end = endOfAnswer(rest); end > 0; end = endOfAnswer(rest)) {
        answers.push(nameIn(rest.slice(0, end)));
        rest = rest.slice(end);
      }
      if (answers.length < keys.length) {
        send();
        return;
      }
      resolve(answers);
      socket.destroy();
    });
    send();
  });
}

function requestFor(path: string, key: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: keyed.example.com\r\nx-key: ${key}\r\n\r\n`;
}

/** 0: it is not all here. */
function endOfAnswer(text: string): number {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return 0;
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
  return text.length < head + 4 + length ? 0 : head + 4 + length;
}

function nameIn(answer: string): string {
  const status = answer.slice(9, 12);
  return status === '200' ? answer.slice(answer.indexOf('\r\n\r\n') + 4) : `status ${status}`;
}
