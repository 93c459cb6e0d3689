import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { SocketWriter } from './socket-writer.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function pair(): Promise<{ near: net.Socket; far: net.Socket }> {
  const server = net.createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const near = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[net.Socket], unknown];
  near.on('error', () => {});
  far.on('error', () => {});
  open.push(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

async function read(far: net.Socket, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of far) {
    parts.push(part as Buffer);
    length += (part as Buffer).length;
    if (length >= bytes) break;
  }
  return Buffer.concat(parts);
}

/** Differs in every part, so that a lost or doubled one shows. */
function numbered(bytes: number, from: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4) buffer.writeUInt32BE(from + at, at);
  return buffer;
}

describe.each([
  { way: 'by the handle', documentedOnly: false },
  { way: 'by documented interfaces only', documentedOnly: true },
])('$way', ({ documentedOnly }) => {
  test('what fits is written at once, and its buffer is free again', async () => {
    const { near, far } = await pair();
    const writer = new SocketWriter(near, false, () => {}, documentedOnly);
    const buffer = Buffer.from('one');
    expect(writer.write(buffer)).toBe('written');
    buffer.write('two');
    expect(writer.write(buffer)).toBe('written');
    expect((await read(far, 6)).toString()).toBe('onetwo');
  });

  test('an end comes behind all that was written, and a reset before it is no end', async () => {
    for (const cut of [false, true]) {
      const { near, far } = await pair();
      const writer = new SocketWriter(near, false, () => {}, documentedOnly);
      let bytes = 0;
      while (writer.write(Buffer.alloc(64 * 1024)) === 'written') bytes += 64 * 1024;
      writer.end();
      if (cut) near.resetAndDestroy();
      let heard = 0;
      const end = new Promise((resolve) => {
        far.on('data', (chunk) => {
          heard += chunk.length;
        });
        far.on('end', () => resolve('end'));
        far.on('error', () => resolve('reset'));
        far.resume();
      });
      expect(await end).toBe(cut ? 'reset' : 'end');
      if (!cut) expect(heard).toBe(bytes + 64 * 1024);
    }
  });

  test('what does not fit is held, later writes stand behind it, and drain comes once all is out', async () => {
    const { near, far } = await pair();
    let drains = 0;
    const drained = new Promise<void>((resolve) => {
      const writer = new SocketWriter(
        near,
        false,
        () => {
          drains++;
          resolve();
        },
        documentedOnly,
      );
      expect(writer.write(numbered(16 * 1024 * 1024, 0))).toBe('full');
      expect(writer.readsLate).toBe(true);
      writer.write(numbered(4096, 16 * 1024 * 1024));
    });
    const bytes = 16 * 1024 * 1024 + 4096;
    const got = await read(far, bytes);
    expect(got.equals(numbered(bytes, 0))).toBe(true);
    await drained;
    expect(drains).toBe(1);
  });

  test('a socket that the peer has cut ends with the error of the write', async () => {
    const { near, far } = await pair();
    far.resetAndDestroy();
    await once(near, 'error');
    const writer = new SocketWriter(near, false, () => {}, documentedOnly);
    expect(() => writer.write(Buffer.from('late'))).not.toThrow();
    expect(near.destroyed).toBe(true);
  });

  test('a socket that is destroyed while it holds bytes lets them go without a word', async () => {
    const { near } = await pair();
    let drains = 0;
    const writer = new SocketWriter(near, false, () => drains++, documentedOnly);
    writer.write(numbered(16 * 1024 * 1024, 0));
    near.destroy();
    await once(near, 'close');
    expect(drains).toBe(0);
  });
});

test('a socket that is not connected yet takes its bytes by its own way', async () => {
  const server = net.createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const near = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  open.push(() => {
    near.destroy();
    server.close();
  });
  const writer = new SocketWriter(near, false, () => {});
  expect(writer.write(Buffer.from('early'))).toBe('held');
  expect((await read(near, 5)).toString()).toBe('early');
});
