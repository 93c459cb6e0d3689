/**
 * How the nodes are whose streams are at this replica, by their own word, and what they are told to do. In memory only:
 * `SharedFleet` tells the others. What a node has said is forgotten when the stream ends that it was said on, but that
 * it leaves: so much is known of it until it is back.
 */
import type { NodeIdentity, NodeOrder, NodeStateReport, StateObserver } from '../xds/ports.ts';
import { limits } from './limits.ts';
import { keyOf } from './node-key.ts';

interface NodeState {
  /** As the stream knows it. */
  readonly node: NodeIdentity;
  readonly tell: (order: NodeOrder) => void;
  /** Undefined: it has said nothing yet. */
  said: NodeStateReport | undefined;
  /** What it was told last. */
  drainsUntilMs: number | null;
}

const left: NodeStateReport = { phase: 'leaving', listeners: [], connections: 0 };

export class States implements StateObserver {
  readonly #now: () => number;
  readonly #onNews: (node: NodeIdentity) => void;
  /** By key. */
  readonly #nodes = new Map<string, NodeState>();
  /** Keys of those that said so and are gone, the one gone longest first. */
  readonly #left = new Set<string>();
  /** When a node shall have drained; `null`: it shall not. */
  #orders: (node: NodeIdentity) => number | null = () => null;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number, onNews: (node: NodeIdentity) => void) {
    this.#now = now;
    this.#onNews = onNews;
  }

  /** Whom nodes obey. `orders`: when a node shall have drained, milliseconds since 1970; `null`: it shall not. */
  obey(orders: (node: NodeIdentity) => number | null): void {
    this.#orders = orders;
    this.renewOrders();
  }

  /** Tells every node whose order is another one now. */
  renewOrders(): void {
    for (const state of this.#nodes.values()) {
      const untilMs = this.#orders(state.node);
      if (untilMs !== state.drainsUntilMs) this.#tell(state, untilMs);
    }
  }

  /** Undefined: it has said nothing. */
  of(id: string, group: string): NodeStateReport | undefined {
    const key = keyOf(id, group);
    return this.#nodes.get(key)?.said ?? (this.#left.has(key) ? left : undefined);
  }

  joined(node: NodeIdentity, tell: (order: NodeOrder) => void): void {
    const key = keyOf(node.id, node.group);
    // one more is told nothing, and not heard
    if (this.#nodes.size >= limits.stateNodes && !this.#nodes.has(key)) return;
    const state: NodeState = { node, tell, said: this.#nodes.get(key)?.said, drainsUntilMs: null };
    this.#nodes.set(key, state);
    this.#left.delete(key);
    this.#tell(state, this.#orders(node));
  }

  reported(node: NodeIdentity, said: NodeStateReport): void {
    const state = this.#nodes.get(keyOf(node.id, node.group));
    // a stream that another one of the same node has replaced
    if (state?.node !== node) return;
    state.said = said;
    this.#onNews(node);
  }

  ended(node: NodeIdentity): void {
    const key = keyOf(node.id, node.group);
    const state = this.#nodes.get(key);
    if (state?.node !== node) return;
    this.#nodes.delete(key);
    if (state.said?.phase === 'leaving') this.#left.add(key);
    if (this.#left.size > limits.stateNodes) this.#left.delete(this.#left.values().next().value!);
    this.#onNews(node);
  }

  #tell(state: NodeState, untilMs: number | null): void {
    state.drainsUntilMs = untilMs;
    state.tell({ drainWithinMs: untilMs === null ? null : Math.max(0, untilMs - this.#now()) });
  }
}
