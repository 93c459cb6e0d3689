import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Places, sharingFault } from './places.ts';
import { listen } from './socket.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function newPlaces(): Places {
  const places = new Places();
  closers.push(() => places.keep(new Set()));
  return places;
}

async function listening(port: number, reusePort: boolean): Promise<number> {
  const server = net.createServer();
  closers.push(() => server.close());
  return (await listen(server, '127.0.0.1', port, reusePort)).port;
}

test('here several can listen at one port', () => {
  expect(sharingFault()).toBeNull();
});

test('a place is kept, any number may listen there together, and only the last socket gives it up', async () => {
  const places = newPlaces();
  const { port } = places.take('a', 'tcp', '127.0.0.1', 0);
  expect(port).toBeGreaterThan(0);
  expect(places.take('a', 'tcp', '127.0.0.1', 0)).toEqual({ address: '127.0.0.1', port });
  expect(await listening(port, true)).toBe(port);
  expect(await listening(port, true)).toBe(port);
  // connections go to who listens, never to the place
  for (let tried = 0; tried < 20; tried++) {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
  }
});

test.each([true, false])('a place where somebody else listens is not shared (reusePort %s)', async (reusePort) => {
  const port = await listening(0, reusePort);
  expect(() => newPlaces().take('a', 'tcp', '127.0.0.1', port)).toThrow(
    `127.0.0.1:${port} is in use by another process`,
  );
});

test('an address of another machine is refused, with what to do', () => {
  expect(() => newPlaces().take('a', 'tcp', '192.0.2.1', 80)).toThrow('192.0.2.1 is not an address of this machine');
});

/** Another program may have a number that is free here at another address or by another protocol: then the next one is tried. */
async function withFreePort<T>(use: () => T | Promise<T>): Promise<T> {
  for (let attempts = 20; ; attempts--) {
    try {
      return await use();
    } catch (error) {
      if (attempts === 1 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

test('two places of one node do not overlap', () =>
  withFreePort(() => {
    const places = newPlaces();
    const { port } = places.take('a', 'tcp', '127.0.0.1', 0);
    expect(() => places.take('b', 'tcp', '0.0.0.0', port)).toThrow(
      `0.0.0.0:${port} is taken: another listener of this node is at 127.0.0.1:${port}`,
    );
    places.keep(new Set());
    expect(places.take('b', 'tcp', '0.0.0.0', port)).toEqual({ address: '0.0.0.0', port });
  }));

test('a place for UDP is free, and takes nobody’s datagrams: it is only tried; one for TCP may have the same number', async () => {
  const { places, port } = await withFreePort(async () => {
    const places = newPlaces();
    const { port } = places.take('a', 'udp', '127.0.0.1', 0);
    expect(places.take('b', 'tcp', '127.0.0.1', port)).toEqual({ address: '127.0.0.1', port });
    const socket = dgram.createSocket('udp4');
    closers.push(() => socket.close());
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return { places, port };
  });
  expect(places.take('a', 'udp', '127.0.0.1', 0)).toEqual({ address: '127.0.0.1', port });
  expect(() => newPlaces().take('a', 'udp', '127.0.0.1', port)).toThrow('is in use by another process');
});
