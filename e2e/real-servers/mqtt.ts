/** MQTT: retained messages, quality of service 2, and a message of megabytes, by mosquitto's own clients. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { output } from './run-program.ts';
import { sameText } from './same.ts';
import type { RunningServer } from './servers.ts';

const largeBytes = 16 * 1024 * 1024;
const messages = 1_000;

export async function checkMqtt({ folder }: RunningServer, through: number): Promise<string> {
  const place = ['-h', '127.0.0.1', '-p', `${through}`];
  const text = Array.from({ length: messages }, (_, i) => `message ${i}\n`).join('');
  // its debug lines, which tell when it hears, would wait in a buffer otherwise
  const subscriber = spawn(
    'stdbuf',
    ['-oL', 'mosquitto_sub', ...place, '-t', 'news', '-q', '2', '-C', `${messages}`, '-d'],
    {
      stdio: 'pipe',
    },
  );
  const [heard, ended] = [buffer(subscriber.stdout), once(subscriber, 'exit')];
  await new Promise<void>((resolve) =>
    subscriber.stdout.on('data', (chunk) => `${chunk}`.includes('SUBACK') && resolve()),
  );
  await output('mosquitto_pub', [...place, '-t', 'news', '-q', '2', '-l'], { input: text });
  await ended;
  const lines = (await heard).toString().split('\n');
  const found = lines.filter((line) => line.startsWith('message '));
  sameText(`${found.join('\n')}\n`, text, 'messages');
  const file = path.join(folder, 'large');
  const large = randomBytes(largeBytes);
  writeFileSync(file, large);
  await output('mosquitto_pub', [...place, '-t', 'large', '-q', '1', '-r', '-f', file]);
  const kept = await output('mosquitto_sub', [...place, '-t', 'large', '-C', '1', '-N']);
  sameText(digest(kept), digest(large), 'retained message');
  return `${messages} messages of quality 2 in their order, a retained one of ${largeBytes >> 20} MB`;
}

function digest(bytes: Buffer): string {
  return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}
