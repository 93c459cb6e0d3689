/** Slow clients of our own, for where slowhttptest is not: the same four kinds. */
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Attack, Mode } from './run.ts';

const head = (line: string, more = ''): string => `${line} HTTP/1.1\r\nhost: slow.example.com\r\n${more}`;
const ranges = Array.from({ length: 2_000 }, (_, i) => `5-${i}`).join(',');

interface Kind {
  readonly begin: string;
  /** Every two seconds. */
  readonly step: (socket: net.Socket) => void;
}

const kinds: Readonly<Record<Mode, Kind>> = {
  'slow headers': { begin: head('GET /small'), step: (socket) => socket.write('x-slow: y\r\n') },
  'slow body': {
    begin: head('POST /small', 'content-length: 65536\r\n\r\n'),
    step: (socket) => socket.write('x=y&'),
  },
  range: { begin: head('HEAD /small', `range: bytes=0-,${ranges}\r\n\r\n`), step: (socket) => socket.resume() },
  'slow read': { begin: head('GET /big', '\r\n'), step: (socket) => socket.read(32) },
};

const stepMs = 2_000;

export const ownClients: Attack = async (mode, { port, connections, seconds }) => {
  const { begin, step } = kinds[mode];
  const sockets = new Set<net.Socket>();
  let most = 0;
  for (let i = 0; i < connections; i++) {
    const socket = new net.Socket();
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.connect(port, '127.0.0.1', () => {
      sockets.add(socket);
      most = Math.max(most, sockets.size);
      socket.write(begin);
    });
  }
  for (let spentMs = 0; spentMs < seconds * 1_000; spentMs += stepMs) {
    await delay(stepMs);
    for (const socket of sockets) step(socket);
  }
  for (const socket of sockets) socket.destroy();
  return most;
};
