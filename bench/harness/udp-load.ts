/**
 * Datagrams. `echo PORT` sends back what comes; `trips PORT CLIENTS SECONDS` keeps one datagram of each client under way;
 * `sessions` does the same with a client of its own for each, and prints what wrk.lua prints. Run by Node itself.
 */
import { udpSockets } from '../../data-plane/sockets/udp-handle.ts';
import type { DatagramReceiver, UdpSocket } from '../../data-plane/sockets/udp-socket.ts';
import { quantile } from './statistics.ts';

/** Where datagrams go; on another machine, clients and echo are at every address of theirs. */
const address = process.env['UDP_LOAD_ADDRESS'] ?? '127.0.0.1';
const ownAddress = address === '127.0.0.1' ? address : '0.0.0.0';
const body = Buffer.alloc(64, 'x');
/** A client that has heard nothing for so long asks again: while all start, and under load, when a machine may stall. */
const patienceMs = { start: 100, load: 3_000 };
const giveUpMs = 30_000;
/** Of all datagrams; where more are lost there is no figure. */
const mostLost = 0.001;
/** Every so many delays one is kept. */
const keptOneIn = 8;

function rethrow(fault: unknown): never {
  throw fault;
}

function echo(port: number): void {
  const receiver: DatagramReceiver = {
    onDatagram: (b, from, fromPort) => void socket.sendTo(b, from, fromPort),
    onSocketError: () => {},
    onFault: rethrow,
  };
  const socket = udpSockets.bind(ownAddress, port, false, receiver);
}

class Load {
  trips = 0;
  lost = 0;
  readonly delays: number[] = [];
  readonly untilMs: number;
  readonly patienceMs: number;

  /** @param seconds 0: once */
  constructor(startedMs: number, seconds: number) {
    this.untilMs = startedMs + seconds * 1000;
    this.patienceMs = seconds === 0 ? patienceMs.start : patienceMs.load;
  }

  answered(delayMs: number): void {
    this.trips++;
    if (this.trips % keptOneIn === 1) this.delays.push(delayMs * 1e3);
  }
}

/** Has one datagram under way at all times, until the time is over. */
class Client implements DatagramReceiver {
  readonly #load: Load;
  readonly #port: number;
  /** Each trip from another address: no session of before is met, even where the system gives the same port again. */
  readonly #nextAddress: (() => string) | null;
  #socket: UdpSocket;
  #sentMs = 0;
  #heardMs = performance.now();
  #onOver: () => void = () => {};

  constructor(load: Load, port: number, nextAddress: (() => string) | null) {
    this.#load = load;
    this.#port = port;
    this.#nextAddress = nextAddress;
    this.#socket = udpSockets.bind(nextAddress?.() ?? ownAddress, 0, false, this);
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setInterval(() => this.#look(), this.#load.patienceMs);
      this.#onOver = () => {
        clearInterval(timer);
        this.#socket.close();
        resolve();
      };
      this.#send();
    });
  }

  onDatagram(b: Buffer): void {
    if (!b.equals(body)) throw new Error(`${b.length} B came back that were not sent.`);
    const nowMs = performance.now();
    this.#load.answered(nowMs - this.#sentMs);
    this.#heardMs = nowMs;
    if (nowMs >= this.#load.untilMs) {
      this.#onOver();
      return;
    }
    if (this.#nextAddress !== null) {
      this.#socket.close();
      this.#socket = udpSockets.bind(this.#nextAddress(), 0, false, this);
    }
    this.#send();
  }

  onSocketError(): void {}

  readonly onFault = rethrow;

  #send(): void {
    this.#sentMs = performance.now();
    this.#socket.sendTo(body, address, this.#port);
  }

  #look(): void {
    const nowMs = performance.now();
    if (nowMs - this.#sentMs < this.#load.patienceMs) return;
    if (nowMs - this.#heardMs > giveUpMs) throw new Error(`Port ${this.#port} does not answer.`);
    this.#load.lost++;
    this.#send();
  }
}

let addresses = 0;

/** All of 127.1.0.0/16 in turn, so that none comes again while its session is there. */
function nextAddress(): string {
  addresses = (addresses + 1) & 0xffff;
  return `127.1.${addresses >> 8}.${addresses & 255}`;
}

async function send(port: number, clients: number, seconds: number, next: (() => string) | null): Promise<void> {
  const startedMs = performance.now();
  const load = new Load(startedMs, seconds);
  await Promise.all(Array.from({ length: clients }, () => new Client(load, port, next).run()));
  const durationMicros = (performance.now() - startedMs) * 1e3;
  if (seconds > 0 && load.lost > load.trips * mostLost) {
    throw new Error(`Of ${load.trips + load.lost} datagrams ${load.lost} were not answered.`);
  }
  console.log(
    JSON.stringify({
      ...{ requests: load.trips, durationMicros },
      ...{ p50Micros: quantile(load.delays, 0.5), p99Micros: quantile(load.delays, 0.99) },
    }),
  );
}

const [what, ...rest] = process.argv.slice(2);
const [port = 0, clients = 0, seconds = 0] = rest.map(Number);
if (what === 'echo') echo(port);
else await send(port, clients, seconds, what === 'sessions' ? nextAddress : null);
