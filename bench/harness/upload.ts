/**
 * Bytes one way. `sink PORT` takes what comes on each connection and answers its end with the count; `send PORT
 * CONNECTIONS SECONDS` sends as fast as it can, checks the counts, and prints what wrk.lua prints. Run by Node itself.
 */
import { once } from 'node:events';
import net from 'node:net';
import { buffer } from 'node:stream/consumers';

const chunk = Buffer.alloc(1024 * 1024, 'x');

function sink(port: number): void {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    let bytes = 0;
    accepted.on('error', () => {});
    accepted.on('data', (data) => {
      bytes += data.length;
    });
    accepted.on('end', () => accepted.end(`${bytes}`));
    accepted.resume();
  });
  server.listen(port, '127.0.0.1');
}

async function sendOn(port: number, untilMs: number): Promise<number> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  const answer = buffer(socket);
  let bytes = 0;
  while (performance.now() < untilMs) {
    bytes += chunk.length;
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.end();
  const counted = Number((await answer).toString());
  if (counted !== bytes) throw new Error(`${bytes} B were sent, ${counted} B came.`);
  return bytes;
}

async function send(port: number, connections: number, seconds: number): Promise<void> {
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  const sent = await Promise.all(Array.from({ length: connections }, () => sendOn(port, untilMs)));
  const bytes = sent.reduce((sum, one) => sum + one, 0);
  console.log(JSON.stringify({ bytes, durationMicros: (performance.now() - startedMs) * 1e3 }));
}

const [what, ...rest] = process.argv.slice(2);
const [port = 0, connections = 0, seconds = 0] = rest.map(Number);
if (what === 'sink') sink(port);
else await send(port, connections, seconds);
