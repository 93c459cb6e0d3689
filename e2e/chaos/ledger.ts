/** Writers that keep book outside the system: what was acknowledged, what was refused, and of what nobody knows. */
import { setTimeout as pause } from 'node:timers/promises';
import { adminToken } from '../support/fairlead.ts';

export interface Entry {
  readonly name: string;
  readonly number: number;
  readonly outcome: 'acknowledged' | 'refused' | 'unknown';
}

export interface LedgerOptions {
  /** Base URLs of the REST APIs. */
  readonly apis: readonly string[];
  /** Names of the clusters, one writer each. */
  readonly names: readonly string[];
  readonly random: () => number;
}

export class Ledger {
  readonly entries: Entry[] = [];
  readonly #options: LedgerOptions;
  readonly #next = new Map<string, number>();
  #writing: Promise<void>[] = [];
  #stopped = false;
  #only: number | undefined;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#writing = this.#options.names.map(async (name) => {
      while (!this.#stopped) {
        await this.write(name);
        await pause(100 + 100 * this.#options.random());
      }
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writing);
  }

  /** All writes to the replica with this index, or to any. */
  writeOnlyAt(index: number | undefined): void {
    this.#only = index;
  }

  /** The highest number of each name that was acknowledged. */
  acknowledged(): Map<string, number> {
    return new Map(
      this.entries.filter(({ outcome }) => outcome === 'acknowledged').map(({ name, number }) => [name, number]),
    );
  }

  /** The next number of this name, at any replica; the numbers of a name are written one after the other. */
  async write(name: string): Promise<Entry> {
    const number = this.#next.get(name) ?? 1;
    this.#next.set(name, number + 1);
    const { apis, random } = this.#options;
    const api = apis[this.#only ?? Math.floor(random() * apis.length)]!;
    const entry = { name, number, outcome: await put(api, name, number) };
    this.entries.push(entry);
    return entry;
  }

  /** Sentences: where what a database or a subscriber ended with is not what the book allows. */
  faultsOf(who: string, ended: ReadonlyMap<string, number>): string[] {
    return this.#options.names.flatMap((name) => {
      const number = ended.get(name) ?? 0;
      const own = this.entries.filter((entry) => entry.name === name);
      const acknowledged = own.findLast(({ outcome }) => outcome === 'acknowledged')?.number ?? 0;
      if (number < acknowledged) return [`${who}: ${name} is ${number}, but ${acknowledged} was acknowledged`];
      const outcome = own.find((entry) => entry.number === number)?.outcome;
      return outcome === 'refused' ? [`${who}: ${name} is ${number}, which was refused`] : [];
    });
  }
}

export function clusterSpec(number: number): object {
  return { endpoints: [{ address: '127.0.0.1', port: 9 }], connectTimeout: `${number}ms` };
}

async function put(api: string, name: string, number: number): Promise<Entry['outcome']> {
  try {
    const response = await fetch(`${api}/v1/clusters/${name}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ spec: clusterSpec(number) }),
    });
    await response.arrayBuffer();
    if (response.ok) return 'acknowledged';
    return response.status < 500 ? 'refused' : 'unknown';
  } catch {
    return 'unknown';
  }
}
