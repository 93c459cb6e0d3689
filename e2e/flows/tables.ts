/** Where flows have to go, by Maglev's table alone: no node is asked. */
import { finishTable, type HashTable } from '../../proto/hashing/hash-table.ts';
import { maglevSteps } from '../../proto/hashing/maglev.ts';
import { equalHosts, xxHashOf } from '../../proto/hashing/testing.ts';

export const tableSize = 65_537;

export class Expected {
  readonly #ports: readonly number[];
  readonly #table: HashTable;

  /** @param ports of endpoints on 127.0.0.1 */
  constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#table = finishTable(maglevSteps({ tableSize }, equalHosts(ports.map((port) => `127.0.0.1:${port}`))));
  }

  /** The port of the endpoint that a hashed text leads to. */
  endpointOf(text: string): number {
    return this.#ports[this.#table.pick(xxHashOf(text), 0)]!;
  }

  #slots(): readonly number[] {
    return Array.from({ length: tableSize }, (_, slot) => this.#ports[this.#table.pick({ high: 0, low: slot }, 0)]!);
  }

  /** Slots that are another endpoint's in `next`: those of endpoints that are gone or new, and others. */
  changedSlots(next: Expected): { readonly needed: number; readonly others: number } {
    const after = next.#slots();
    const stays = (port: number): boolean => this.#ports.includes(port) && next.#ports.includes(port);
    const changed = this.#slots().flatMap((port, slot) => (port === after[slot] ? [] : [[port, after[slot]!]]));
    const others = changed.filter((ports) => ports.every(stays)).length;
    return { needed: changed.length - others, others };
  }
}
