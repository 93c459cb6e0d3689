/** For tests: what is kept of nodes over restarts, in memory. */
import type { DrainRow, Drains, PlaceRow, Places } from '../store/store.ts';
import type { TestTime } from './testing-states.ts';

/** As the table does it. `down`: every statement fails; `deaf`: hints are lost. */
export class MemoryDrains implements Drains {
  down = false;
  deaf = false;
  readonly #time: TestTime;
  readonly #rows = new Map<string, Pick<DrainRow, 'node' | 'timeoutMs' | 'by'> & { readonly sinceMs: number }>();
  readonly #listeners = new Set<() => void>();

  constructor(time: TestTime) {
    this.#time = time;
  }

  async list(): Promise<DrainRow[]> {
    if (this.down) throw new Error('the database is away');
    return [...this.#rows.values()].map(({ sinceMs, ...row }) => {
      return { ...row, since: new Date(sinceMs).toISOString(), ageMs: this.#time.now() - sinceMs };
    });
  }

  async put({ node, timeoutMs, by }: Pick<DrainRow, 'node' | 'timeoutMs' | 'by'>): Promise<void> {
    const before = this.#rows.get(node);
    this.#rows.set(node, { by, sinceMs: this.#time.now(), ...before, node, timeoutMs });
    this.#hint();
  }

  async remove(node: string): Promise<boolean> {
    const was = this.#rows.delete(node);
    this.#hint();
    return was;
  }

  onHint(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #hint(): void {
    if (!this.deaf) for (const listener of this.#listeners) listener();
  }
}

/** As the table does it. `down`: every statement fails. */
export class MemoryPlaces implements Places {
  down = false;
  readonly #rows = new Map<string, string>();

  async list(): Promise<PlaceRow[]> {
    return [...this.#rows].map(([key, json]) => {
      const [group, node] = JSON.parse(key) as [string, string];
      return { group, node, place: JSON.parse(json) };
    });
  }

  async write(changed: readonly PlaceRow[]): Promise<void> {
    if (this.down) throw new Error('the database is away');
    for (const { group, node, place } of changed) {
      const key = JSON.stringify([group, node]);
      if (place === null) this.#rows.delete(key);
      else this.#rows.set(key, JSON.stringify(place));
    }
  }
}
