/** Hostile requests: how an entry of e2e/data/http1-hostile.json is delivered, and how its outcome is judged. */
import fs from 'node:fs';
import net from 'node:net';
import type { HttpServer } from '../../listener/http-listener.ts';
import type { TestClock } from '../../testing.ts';
import { type Forward, forwardFaults, forwardMust } from './forward-checks.ts';
import type { SeenRequest, StrictUpstream } from './strict-upstream.ts';

/** Fields: reliability.md, section 2. */
export interface Entry {
  readonly name: string;
  /** One character is one byte. */
  readonly bytes: string;
  readonly class: string;
  readonly expect: string;
  readonly also_ok?: readonly string[];
  readonly upstream_requests: number;
  readonly forward_must?: string;
  /** The same to the letter: in our own entries. */
  readonly forward?: readonly Forward[];
}

export function readEntries(file: string): Entry[] {
  return JSON.parse(fs.readFileSync(new URL(`../../../e2e/data/${file}`, import.meta.url), 'utf8'));
}

/** Where the entries go, and what tells how they fared. */
export interface Bench {
  readonly proxy: { readonly port: number; readonly server: HttpServer; readonly clock: TestClock };
  readonly upstream: StrictUpstream;
}

export interface Delivery {
  /** Calls `onReady` once bytes may be written. */
  readonly connect: (options: { port: number; localAddress: string }, onReady: () => void) => net.Socket;
  /** A good request is asked and answered first. */
  readonly warm: boolean;
  /** How the bytes are cut. */
  readonly cut: (bytes: Buffer) => Buffer[];
}

export const plainConnect: Delivery['connect'] = ({ port, localAddress }, onReady) =>
  net.connect({ port, host: '127.0.0.1', localAddress, noDelay: true }, onReady);

const warmRequest = 'GET /warm HTTP/1.1\r\nhost: warm\r\n\r\n';

/** One entry on its way. */
class Conversation {
  readonly entry: Entry;
  readonly address: string;
  answer = '';
  ready = false;
  /** The proxy sent its FIN. */
  closed = false;
  /** As it was when all had arrived and nothing moved any more; only time could end it then. */
  closedBeforeTimeouts = false;
  /** What moved, for whoever waits until nothing does. */
  moves = 0;
  readonly #socket: net.Socket;
  readonly #pieces: Buffer[];
  #warm: boolean;

  constructor(entry: Entry, address: string, delivery: Delivery, port: number) {
    this.entry = entry;
    this.address = address;
    this.#pieces = delivery.cut(Buffer.from(entry.bytes, 'latin1'));
    this.#warm = delivery.warm;
    this.#socket = delivery.connect({ port, localAddress: address }, () => {
      this.ready = true;
      if (delivery.warm) this.#socket.write(warmRequest);
    });
    this.#socket.on('data', (chunk) => {
      this.moves++;
      this.answer += chunk.toString('latin1');
      if (this.#warm && this.answer.endsWith('ok')) {
        this.#warm = false;
        this.answer = '';
      }
    });
    this.#socket.on('error', () => {});
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('close', () => this.#onEnd());
  }

  #onEnd(): void {
    this.moves++;
    this.closed = true;
    this.ready = true;
    this.#warm = false;
    this.#pieces.length = 0;
  }

  /** Sends the next piece, if it is time. */
  step(): void {
    if (!this.ready || this.#warm || this.closed) return;
    const piece = this.#pieces.shift();
    if (piece === undefined) return;
    this.moves++;
    this.#socket.write(piece);
  }

  get sent(): boolean {
    return this.ready && !this.#warm && this.#pieces.length === 0;
  }

  /** Final status codes; a SETTINGS frame is an answer, too. */
  get statuses(): string[] {
    if (this.answer.charCodeAt(3) === 4) return ['h2-accepted-if-enabled'];
    return [...this.answer.matchAll(/(?:^|ok|\n)HTTP\/1\.[01] ([2-9]\d\d) /g)].map((match) => match[1]!);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Delivers all entries at once, each from an address of its own; returns what was wrong, entry by entry. */
export async function deliverAll(entries: readonly Entry[], delivery: Delivery, bench: Bench): Promise<string[]> {
  const { proxy, upstream } = bench;
  upstream.seen.length = 0;
  const conversations = entries.map(
    (entry, i) => new Conversation(entry, `127.0.${1 + (i >> 7)}.${1 + (i & 127)}`, delivery, proxy.port),
  );
  await untilStill(conversations, bench);
  for (const conversation of conversations) conversation.closedBeforeTimeouts = conversation.closed;
  // what still waits for bytes gets none: head and body timeouts, and the last breath of closing connections
  proxy.clock.advance(400_000);
  await untilStill(conversations, bench);
  for (const conversation of conversations) conversation.destroy();
  await untilClosed(proxy.server);
  const strangers = new Set(upstream.seen.map(({ client }) => client));
  const faults = conversations.flatMap((conversation) => {
    strangers.delete(conversation.address);
    const seen = upstream.seen.filter(({ client, target }) => client === conversation.address && target !== '/warm');
    return judge(conversation, seen).map(
      (fault) => `${conversation.entry.name}: ${fault}; answers ${conversation.statuses}; upstream saw ${told(seen)}`,
    );
  });
  return [...faults, ...[...strangers].map((client) => `a request of nobody: ${client}`), ...upstream.faults.splice(0)];
}

const told = (seen: readonly SeenRequest[]): string =>
  JSON.stringify(seen.map(({ method, target }) => `${method} ${target}`));

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Turns of the loop without a move after which nothing is on its way any more; all of it happens in this process. */
const stillTurns = 3_000;

async function untilStill(conversations: readonly Conversation[], { proxy, upstream }: Bench): Promise<void> {
  // the long ones take many turns, in which the others need not be looked at
  let unsent = conversations.filter(({ sent }) => !sent);
  while (unsent.length > 0) {
    for (const conversation of unsent) conversation.step();
    await turn();
    if (unsent.some(({ sent }) => sent)) unsent = unsent.filter(({ sent }) => !sent);
  }
  let before = -1;
  for (let still = 0; still < stillTurns; still++) {
    await turn();
    let moves = proxy.server.stats.cxRxBytesTotal.value + upstream.received();
    for (const conversation of conversations) moves += conversation.moves;
    if (moves !== before) still = 0;
    if (conversations.every(({ closed }) => closed)) return;
    before = moves;
  }
}

async function untilClosed(server: HttpServer): Promise<void> {
  while (server.connectionCount + server.handshakeCount > 0) await turn();
}

const accepts = (word: string): boolean => word.startsWith('accept');
/** After these the connection may go on, if the end of the message is certain. */
const mayStayOpen = new Set(['h2-accepted-if-enabled', '307', '403', '404', '405', '411', '417', '421', '426', '501']);

function judge(
  { entry, statuses, closed, closedBeforeTimeouts }: Conversation,
  seen: readonly SeenRequest[],
): string[] {
  const words = [entry.expect, ...(entry.also_ok ?? [])];
  const first = statuses[0] ?? (closed ? 'close' : 'silence');
  if (first !== '200') {
    const faults = words.includes(first) ? [] : [`${first} instead of ${words}`];
    // what an accepting proxy would have forwarded does not count
    if (seen.length !== (accepts(entry.expect) ? 0 : entry.upstream_requests)) faults.push('refused, but forwarded');
    const mustClose = entry.bytes.startsWith('CONNECT') || !mayStayOpen.has(first);
    const ended = first === '408' || first === 'close' ? closed : closedBeforeTimeouts;
    if (mustClose && !ended) faults.push('left open');
    return faults;
  }
  const faults: string[] = [];
  if (!words.some(accepts)) faults.push(`accepted instead of ${words}`);
  if (accepts(entry.expect) && seen.length !== entry.upstream_requests) faults.push('other number of requests');
  if (statuses.filter((status) => status === '200').length !== seen.length) faults.push('answers and requests differ');
  const wanted = entry.forward ?? (entry.forward_must === undefined ? undefined : forwardMust[entry.forward_must]);
  if (wanted !== undefined) faults.push(...forwardFaults(seen, wanted));
  else if (entry.forward_must !== undefined) faults.push(`"${entry.forward_must}" is not in forward-checks.ts`);
  return faults;
}
