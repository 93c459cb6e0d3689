/** Flows: clients at addresses and ports of their own, and endpoints that say who they are and then repeat what they hear. */
import { once } from 'node:events';
import net from 'node:net';
import { seededRandom } from '../../data-plane/testing.ts';
import type { Cleanup } from '../support/fairlead.ts';

/** A client's address and port. */
export interface Flow {
  readonly address: string;
  readonly port: number;
}

export interface Target {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** What a client says before it hears anything. */
  readonly begin: (flow: Flow) => Buffer;
}

/** Below those that the system gives out by itself. */
const ports = { first: 10_000, count: 20_000 };
const atOnce = 64;

/** From many addresses of 127.0.0.0/8, no two the same; the same for the same seed. */
export function drawFlows(seed: number, count: number): Flow[] {
  const random = seededRandom(seed);
  const below = (end: number): number => Math.floor(random() * end);
  const flows = new Map<string, Flow>();
  while (flows.size < count) {
    // 127.0 and 127.77 are others'
    const address = `127.${100 + below(100)}.${below(256)}.${1 + below(254)}`;
    const port = ports.first + below(ports.count);
    flows.set(`${address}:${port}`, { address, port });
  }
  return [...flows.values()];
}

/** Says its own port and a line break, then what it hears. */
export async function startEcho(cleanup: Cleanup): Promise<number> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    socket.write(`${(server.address() as net.AddressInfo).port}\n`);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return (server.address() as net.AddressInfo).port;
}

/** A connection that is kept. */
export class OpenFlow {
  /** The port of its endpoint. */
  readonly endpoint: number;
  readonly #socket: net.Socket;

  private constructor(socket: net.Socket, endpoint: number) {
    this.#socket = socket;
    this.endpoint = endpoint;
  }

  static async open(target: Target, { address, port }: Flow): Promise<OpenFlow> {
    const socket = net.connect({
      ...{ host: target.address, port: target.port, localAddress: address, localPort: port, noDelay: true },
    });
    // what ends it is told to who waits for a line, if anybody does
    socket.on('error', () => {});
    const begin = target.begin({ address, port });
    if (begin.length > 0) socket.write(begin);
    try {
      return new OpenFlow(socket, Number(await nextLine(socket)));
    } catch (error) {
      socket.destroy();
      throw new Error(`${address}:${port} to ${target.name}: ${(error as Error).message}`);
    }
  }

  /** Says a line and waits for it to come back. */
  async repeats(line: string): Promise<boolean> {
    this.#socket.write(`${line}\n`);
    return (await nextLine(this.#socket)) === line;
  }

  /** With a reset, so that the same two ends can be used again at once. */
  cut(): void {
    this.#socket.resetAndDestroy();
  }
}

/** Rejects where the connection ends first. */
function nextLine(socket: net.Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const settle = (act: () => void): void => {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      act();
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\n');
      if (end >= 0) settle(() => resolve(text.slice(0, end)));
    };
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(new Error('closed before it said a line')));
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });
}

/** Where each flow leads, one connection after the other. */
export function endpointsOf(target: Target, flows: readonly Flow[]): Promise<number[]> {
  return inTurns(flows, async (flow) => {
    const open = await OpenFlow.open(target, flow);
    open.cut();
    return open.endpoint;
  });
}

export function openAll(target: Target, flows: readonly Flow[]): Promise<OpenFlow[]> {
  return inTurns(flows, (flow) => OpenFlow.open(target, flow));
}

/** A bounded number of them at once; the answers are in the order of `values`. */
async function inTurns<T, R>(values: readonly T[], ask: (value: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < values.length; index = next++) answers[index] = await ask(values[index]!);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return answers;
}
