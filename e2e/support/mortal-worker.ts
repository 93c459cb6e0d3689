/**
 * Preloaded into a data-plane process (`--import`): each worker thread that it starts listens on a socket of its own in the
 * folder MORTAL_WORKERS, and dies when told how.
 */
import net from 'node:net';
import path from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';

const folder = process.env['MORTAL_WORKERS'];

if (!isMainThread && folder !== undefined) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (how) => {
      setImmediate(() => {
        if (how.toString() === 'throw') throw new Error('this worker was told to throw');
        const hog: unknown[] = [];
        for (;;) hog.push(new Array(100_000).fill(hog.length));
      });
    });
  });
  server.listen(path.join(folder, String(threadId).padStart(4, '0'))).unref();
}
