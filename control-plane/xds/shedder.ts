/**
 * Spreads a fleet over the replicas: one that serves clearly more than its share sends connections away, one after the
 * other, to whichever replica their clients find next.
 */
import { chooseToGo, type Excess, surplusOf } from './fair-share.ts';
import type { Timers, XdsLogger } from './ports.ts';

export interface SheddingLimits {
  readonly everyMs: number;
  /** There must be too many for so long, beside the same replicas. */
  readonly settleMs: number;
  /** From here on there are too many, until no longer. */
  readonly begin: Excess;
  readonly end: Excess;
  /** Of the nodes here: so many go in a second, on average, and one at least. */
  readonly partASecond: number;
  /** A node that was sent away and came back is left alone for so long: it may know no other replica. */
  readonly stayMs: number;
}

/** Connected nodes of every other replica that lives, by its id; undefined: it is not known at the moment. */
export type LoadOfOthers = () => ReadonlyMap<string, number> | undefined;

export interface SheddableConnection {
  readonly peer: string;
  /** Ids. */
  readonly nodes: ReadonlySet<string>;
  /** Asks the client to go, and ends its streams without an error. */
  goAway(): void;
}

export interface ShedderPorts {
  readonly others: LoadOfOthers;
  readonly connections: () => readonly SheddableConnection[];
  readonly timers: Timers;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: XdsLogger;
}

export class Shedder {
  readonly #limits: SheddingLimits;
  readonly #ports: ShedderPorts;
  /** The other replicas, and since when there have been too many nodes beside these. */
  #replicas = '';
  #sinceMs: number | undefined;
  #shedding = false;
  #nodes = 0;
  /** When a node was sent away, the longest ago first. */
  readonly #sentMs = new Map<string, number>();
  #cancel: () => void = () => {};

  constructor(limits: SheddingLimits, ports: ShedderPorts) {
    this.#limits = limits;
    this.#ports = ports;
  }

  /** Nodes that were sent away since the start. */
  get nodes(): number {
    return this.#nodes;
  }

  start(): void {
    this.#next(this.#limits.everyMs);
  }

  close(): void {
    this.#cancel();
  }

  /** At random around `ms`, so that replicas do not act in step. */
  #next(ms: number): void {
    const { timers, random } = this.#ports;
    this.#cancel = timers.after(ms * (0.5 + random()), () => this.#next(this.#look()));
  }

  /** Milliseconds until the next look. */
  #look(): number {
    const { everyMs, settleMs, partASecond } = this.#limits;
    const nowMs = this.#ports.timers.now();
    const connections = this.#ports.connections();
    const own = new Set(connections.flatMap(({ nodes }) => [...nodes])).size;
    const surplus = this.#surplus(own);
    if (surplus === 0) {
      this.#sinceMs = undefined;
      this.#shedding = false;
      return everyMs;
    }
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs < settleMs) return everyMs;
    this.#shedding = true;
    const gone = this.#sendAway(connections, surplus, own);
    // as if they went one by one
    return Math.max(everyMs, (gone * 1_000) / Math.max(1, own * partASecond));
  }

  #surplus(own: number): number {
    const others = this.#ports.others();
    if (others === undefined) return 0;
    const replicas = [...others.keys()].sort().join(' ');
    if (replicas !== this.#replicas) {
      this.#replicas = replicas;
      this.#sinceMs = undefined;
      this.#shedding = false;
    }
    const { begin, end } = this.#limits;
    return surplusOf(own, [...others.values()], this.#shedding ? end : begin);
  }

  /** How many nodes went. */
  #sendAway(connections: readonly SheddableConnection[], surplus: number, own: number): number {
    const { timers, random, logger } = this.#ports;
    const nowMs = timers.now();
    for (const [node, sentMs] of this.#sentMs) {
      if (nowMs - sentMs < this.#limits.stayMs) break;
      this.#sentMs.delete(node);
    }
    const chosen = chooseToGo(connections, surplus, (node) => !this.#sentMs.has(node), random);
    if (chosen === undefined) return 0;
    const { peer, nodes } = chosen;
    for (const node of nodes) this.#sentMs.set(node, nowMs);
    this.#nodes += nodes.size;
    logger.info(
      { event: 'xds.shed', peer, nodes: nodes.size, surplus, connected: own },
      'more than a fair share of the nodes is here: a connection was asked to go to another replica',
    );
    chosen.goAway();
    return nodes.size;
  }
}
