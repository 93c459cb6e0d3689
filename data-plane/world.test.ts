import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { checking } from './world.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

test('an answer that is here when the time of a check is over comes before it', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fairlead-world-'));
  // what is written there has come at once
  const server = net.createServer().listen(path.join(folder, 'socket'));
  closers.push(
    () => rmSync(folder, { recursive: true }),
    () => server.close(),
  );
  const client = net.connect(path.join(folder, 'socket'));
  const [endpoint] = (await once(server, 'connection')) as [net.Socket];
  closers.push(
    () => endpoint.destroy(),
    () => client.destroy(),
  );
  const events: string[] = [];
  client.on('data', () => events.push('answer'));
  await turn();
  const isOver = new Promise<void>((resolve) => {
    checking.setTimer(() => {
      events.push('time');
      resolve();
    }, 1);
  });
  endpoint.write('well');
  for (const startMs = performance.now(); performance.now() - startMs < 5; );
  await isOver;
  expect(events).toEqual(['answer', 'time']);
});

test('a check that is over in time hears nothing of it', async () => {
  const cancel = checking.setTimer(() => expect.unreachable(), 1);
  for (const startMs = performance.now(); performance.now() - startMs < 5; );
  cancel();
  await turn();
  await turn();
});
