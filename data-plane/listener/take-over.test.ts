import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { takeOver } from './take-over.ts';

test.each([
  ['when it gets its socket', false, false],
  ['when it gets its socket', true, false],
  ['with its first byte', false, true],
  ['with its first byte', true, true],
])('whoever throws %s costs that connection (documented interfaces only: %s)', async (_, documentedOnly, isLater) => {
  const faults: unknown[] = [];
  const bug = (): never => {
    throw new Error('a bug');
  };
  const left: Promise<unknown>[] = [];
  const server = net.createServer({ pauseOnConnect: true }, (accepted) => {
    const options = { allowHalfOpen: false, ownBuffers: false };
    const onFault = (fault: unknown): void => void faults.push(fault);
    takeOver(accepted, Buffer.alloc(1024), options, documentedOnly, onFault, (socket) => {
      left.push(once(socket, 'close'));
      return isLater ? { onBytes: bug } : bug();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1').resume();
  client.on('error', () => {});
  client.write('x');
  await once(client, 'close');
  await Promise.all(left);
  expect([left.length, faults]).toEqual([1, [new Error('a bug')]]);
  // it is not counted any more
  await new Promise((resolve) => server.close(resolve));
});
