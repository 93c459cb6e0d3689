/** A process inside one namespace: a backend that says its name and sends everything back, or a client that is told what to do. */
import { createHash, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

export interface Flow {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
}

export interface Opened {
  /** Number of the flow. */
  readonly flow: number;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  /** Who serves it. */
  readonly backend: string;
}

export type Ask =
  | { readonly type: 'open'; readonly to: Flow; readonly count: number }
  /** Sends bytes over each flow, and wants them back. */
  | { readonly type: 'echo'; readonly flows: readonly number[]; readonly bytes: number }
  | { readonly type: 'close' };

const replyMs = 3_000;

function serve(name: string, port: number): void {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  server.listen(port, '::', () => process.send!({ ready: true }));
  const datagrams = dgram.createSocket('udp6', (message, { port: to, address }) => {
    datagrams.send(Buffer.concat([Buffer.from(`${name}\n`), message]), to, address);
  });
  datagrams.bind(port, '::');
}

interface Held {
  readonly opened: Omit<Opened, 'flow'>;
  echo(bytes: number): Promise<void>;
  close(): void;
}

async function openTcp({ address, port }: Flow): Promise<Held> {
  const socket = net.connect(port, address);
  let received = Buffer.alloc(0);
  let fault: Error | null = null;
  let awake = (): void => undefined;
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    awake();
  });
  socket.on('error', (error) => {
    fault = error;
    awake();
  });
  socket.on('close', () => {
    fault ??= new Error('the connection was closed');
    awake();
  });
  const until = async (isSo: () => boolean): Promise<void> => {
    const late = setTimeout(() => {
      fault ??= new Error(`nothing came for ${replyMs} ms`);
      awake();
    }, replyMs);
    while (!isSo() && fault === null) await new Promise<void>((resolve) => (awake = resolve));
    clearTimeout(late);
    if (!isSo()) throw fault;
  };
  await until(() => received.includes(10));
  const end = received.indexOf(10);
  const backend = received.toString('latin1', 0, end);
  received = received.subarray(end + 1);
  return {
    opened: { sourceAddress: socket.localAddress!, sourcePort: socket.localPort!, backend },
    echo: async (bytes) => {
      received = Buffer.alloc(0);
      const sent = randomBytes(bytes);
      socket.write(sent);
      await until(() => received.length >= bytes);
      if (digest(received) !== digest(sent)) throw new Error('other bytes came back');
    },
    close: () => socket.destroy(),
  };
}

async function openUdp({ address, port }: Flow): Promise<Held> {
  const socket = dgram.createSocket(net.isIPv6(address) ? 'udp6' : 'udp4');
  socket.connect(port, address);
  await once(socket, 'connect');
  const exchange = async (sent: Buffer): Promise<string> => {
    const reply = once(socket, 'message', { signal: AbortSignal.timeout(replyMs) });
    socket.send(sent);
    const [message] = (await reply) as [Buffer];
    const end = message.indexOf(10);
    if (digest(message.subarray(end + 1)) !== digest(sent)) throw new Error('another datagram came back');
    return message.toString('latin1', 0, end);
  };
  const backend = await exchange(Buffer.from('who'));
  const { address: sourceAddress, port: sourcePort } = socket.address();
  return {
    opened: { sourceAddress, sourcePort, backend },
    echo: async (bytes) => {
      const other = await exchange(randomBytes(Math.min(bytes, 1_200)));
      if (other !== backend) throw new Error(`${other} answered in place of ${backend}`);
    },
    close: () => socket.close(),
  };
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function obey(): void {
  const held: Held[] = [];
  const answer = async (ask: Ask): Promise<unknown> => {
    if (ask.type === 'open') {
      const opened: Opened[] = [];
      for (let left = ask.count; left > 0; left--) {
        const one = ask.to.protocol === 'tcp' ? await openTcp(ask.to) : await openUdp(ask.to);
        held.push(one);
        opened.push({ flow: held.length - 1, ...one.opened });
      }
      return opened;
    }
    if (ask.type === 'echo') return Promise.all(ask.flows.map((flow) => held[flow]!.echo(ask.bytes)));
    for (const one of held.splice(0)) one.close();
    return null;
  };
  process.on('message', ({ number, ask }: { number: number; ask: Ask }) => {
    answer(ask).then(
      (result) => process.send!({ number, result }),
      (error: Error) => process.send!({ number, error: error.message }),
    );
  });
  process.send!({ ready: true });
}

const [role, name = '', port = '0'] = process.argv.slice(2);
process.on('disconnect', () => process.exit(0));
if (role === 'backend') serve(name, Number(port));
else if (role === 'client') obey();
