/** Redis: commands sent ahead without a wait, values with every byte, publish and subscribe. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { sameText } from './same.ts';

const commands = 20_000;
const largeBytes = 32 * 1024 * 1024;

export async function checkRedis(direct: number, through: number): Promise<string> {
  const large = randomBytes(largeBytes);
  const pipeline = [
    ...Array.from({ length: commands }, (_, i) => command('SET', `k${i}`, `value ${i}`)),
    ...Array.from({ length: commands }, (_, i) => command('GET', `k${i}`)),
    command('SET', 'large', large),
    command('GET', 'large'),
    command('INCR', 'counter'),
  ];
  const answers = [...Array.from({ length: commands }, () => '+OK\r\n')];
  for (let i = 0; i < commands; i++) answers.push(bulk(`value ${i}`).toString('latin1'));
  answers.push('+OK\r\n', bulk(large).toString('latin1'), ':1\r\n');
  const wanted = Buffer.from(answers.join(''), 'latin1');
  const found = await exchange(through, Buffer.concat(pipeline), wanted.length);
  sameText(digest(found), digest(wanted), 'pipeline');
  const kept = await exchange(direct, command('GET', 'large'), bulk(large).length);
  sameText(digest(kept), digest(bulk(large)), 'value in the server');
  await publish(through);
  return `${2 * commands} commands in one pipeline, a value of ${largeBytes >> 20} MB, 1,000 messages to a subscriber`;
}

async function publish(port: number): Promise<void> {
  const subscriber = net.connect(port, '127.0.0.1');
  const subscribed = array('subscribe', 'news', 1);
  const messages = Array.from({ length: 1_000 }, (_, i) => `news ${i}`);
  const wanted = Buffer.concat([subscribed, ...messages.map((text) => array('message', 'news', text))]);
  const heard = read(subscriber, wanted.length);
  subscriber.write(command('SUBSCRIBE', 'news'));
  await once(subscriber, 'data');
  await exchange(port, Buffer.concat(messages.map((text) => command('PUBLISH', 'news', text))), 4 * messages.length);
  sameText(digest(await heard), digest(wanted), 'subscriber');
}

function digest(bytes: Buffer): string {
  return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}

function bulk(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
}

function command(...parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...parts.map(bulk)]);
}

function array(...parts: readonly (string | number)[]): Buffer {
  const items = parts.map((part) => (typeof part === 'number' ? Buffer.from(`:${part}\r\n`) : bulk(part)));
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...items]);
}

async function exchange(port: number, sent: Buffer, answerBytes: number): Promise<Buffer> {
  const socket = net.connect(port, '127.0.0.1');
  const answer = read(socket, answerBytes);
  socket.write(sent);
  return answer;
}

/** Exactly so many bytes; closes then. */
function read(socket: net.Socket, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length < bytes) return;
      socket.destroy();
      resolve(Buffer.concat(chunks));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${length} of ${bytes} bytes`)));
  });
}
