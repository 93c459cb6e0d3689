/** Thread of the benchmark `hashing`: a backend, and clients that send their next request as soon as they have an answer. */
import { once } from 'node:events';
import net from 'node:net';
import { parentPort } from 'node:worker_threads';

export type ToTraffic =
  | { readonly type: 'start'; readonly port: number; readonly connections: number }
  | { readonly type: 'stop' };

export type FromTraffic =
  | { readonly type: 'backend'; readonly port: number }
  | { readonly type: 'stopped'; readonly answers: number };

const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
const request = Buffer.from('GET / HTTP/1.1\r\nhost: shop.example.com\r\n\r\n');
const endOfAnswer = Buffer.from('\r\n\r\nok');

const port = parentPort!;
let answers = 0;
let clients: net.Socket[] = [];

/** What comes is one whole request at a time, and small. */
const backend = net.createServer((socket) => {
  socket.on('data', () => socket.write(answer)).on('error', () => socket.destroy());
});

function startClient(proxy: number): net.Socket {
  const socket = net.connect(proxy, '127.0.0.1', () => socket.write(request));
  let received = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  return socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (!received.subarray(-endOfAnswer.length).equals(endOfAnswer)) return;
    received = Buffer.alloc(0);
    answers++;
    socket.write(request);
  });
}

port.on('message', (message: ToTraffic) => {
  if (message.type === 'start') {
    answers = 0;
    clients = Array.from({ length: message.connections }, () => startClient(message.port));
  } else {
    for (const client of clients) client.destroy();
    port.postMessage({ type: 'stopped', answers } satisfies FromTraffic);
  }
});

await once(backend.listen(0, '127.0.0.1'), 'listening');
port.postMessage({ type: 'backend', port: (backend.address() as net.AddressInfo).port } satisfies FromTraffic);
