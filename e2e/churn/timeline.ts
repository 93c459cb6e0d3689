/** Which documents a request may have been judged by: from the last that every proxy surely had to the newest written. */
import { backendsOf, poolsFor, type World } from './world.ts';

interface Entry {
  readonly label: string;
  readonly world: World;
  readonly writtenMs: number;
  /** Every proxy has it; undefined: not known yet. */
  settledMs: number | undefined;
}

/** An acknowledgement is given by the main thread of a proxy; its workers follow, and new clusters once they were checked. */
const marginMs = 500;

export interface Window {
  readonly from: number;
  readonly to: number;
}

export class Timeline {
  readonly #entries: Entry[] = [];

  /** About to be written. */
  write(label: string, world: World, nowMs: number): void {
    this.#entries.push({ label, world, writtenMs: nowMs, settledMs: undefined });
  }

  /** Every proxy has acknowledged what was written last. */
  settle(nowMs: number): void {
    const newest = this.#entries.at(-1);
    if (newest !== undefined) newest.settledMs ??= nowMs;
  }

  /** @param awakeMs from then to the start of the request the proxy was seen to be at work */
  windowOf(awakeMs: number, endMs: number): Window {
    const to = this.#entries.findLastIndex(({ writtenMs }) => writtenMs <= endMs);
    const isOld = ({ settledMs }: Entry) => settledMs !== undefined && settledMs <= awakeMs - marginMs;
    return { from: Math.max(0, this.#entries.findLastIndex(isOld)), to };
  }

  /**
   * Backends that documents of the window allow. Routes and endpoints come by ways of their own, so that a request may be
   * routed by one of them and find the endpoints of another. `absent`: by some of them there is no such host.
   */
  allowed({ from, to }: Window, host: string, path: string): { backends: ReadonlySet<number>; absent: boolean } {
    const worlds = this.#entries.slice(from, to + 1).map(({ world }) => world);
    const routed = worlds.map((world) => poolsFor(world, host, path));
    const names = new Set(routed.flatMap((pools) => (pools ?? []).map(({ name }) => name)));
    const backends = [...names].flatMap((name) => worlds.flatMap((world) => backendsOf(world, name)));
    return { backends: new Set(backends), absent: routed.includes(null) };
  }

  labels({ from, to }: Window): string[] {
    return this.#entries.slice(from, to + 1).map(({ label }, at) => `${from + at}: ${label}`);
  }
}
