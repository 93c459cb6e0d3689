/** The nodes of the other replicas, as they wrote them. */
import type { NodeStates, ReplicaRow } from '../store/store.ts';
import { limits } from './limits.ts';
import type { NodeView } from './node.ts';

interface Known {
  readonly row: ReplicaRow;
  /** By key. */
  readonly nodes: Map<string, NodeView>;
  readonly alive: boolean;
}

export class OtherReplicas {
  readonly #self: string;
  readonly #states: NodeStates;
  readonly #nowMs: () => number;
  #known: ReadonlyMap<string, Known> = new Map();
  /** Nobody could say that it lives while the database was away. */
  #graceUntilMs = Number.NEGATIVE_INFINITY;

  /** `nowMs`: of a clock that never goes back. */
  constructor(self: string, states: NodeStates, nowMs: () => number) {
    this.#self = self;
    this.#states = states;
    this.#nowMs = nowMs;
  }

  /** Every node of every replica; a node that moved comes once a replica that knows it. */
  *nodes(): Generator<NodeView> {
    for (const { row, nodes, alive } of this.#known.values()) {
      for (const node of nodes.values()) yield alive ? node : asGone(node, row);
    }
  }

  *find(id: string): Generator<NodeView> {
    for (const { row, nodes, alive } of this.#known.values()) {
      for (const node of nodes.values()) if (node.id === id) yield alive ? node : asGone(node, row);
    }
  }

  /** Connected nodes of every replica that lives, by its id. */
  connected(): Map<string, number> {
    const living = [...this.#known.values()].filter(({ alive }) => alive);
    return new Map(
      living.map(({ row, nodes }) => [row.id, [...nodes.values()].filter(({ connected }) => connected).length]),
    );
  }

  /** One statement, and one for each replica that wrote since. True if it brought news. Throws StoreError; what was known stays. */
  async read(): Promise<boolean> {
    const rows = (await this.#states.replicas()).filter(({ id }) => id !== this.#self);
    const judged = this.#nowMs() >= this.#graceUntilMs;
    const known = new Map<string, Known>();
    for (const row of rows) {
      if (row.silentMs >= limits.forgetReplicaMs) {
        await this.#states.forget(row.id, limits.forgetReplicaMs);
        continue;
      }
      const before = this.#known.get(row.id);
      const nodes = await this.#nodesOf(row, before);
      known.set(row.id, {
        row,
        nodes,
        alive: row.silentMs < limits.deadReplicaMs || (!judged && before?.alive === true),
      });
    }
    const before = this.#known;
    this.#known = known;
    return known.size !== before.size || [...known].some(([id, now]) => isNews(before.get(id), now));
  }

  /** The database did not answer, so no replica could show that it lives: they get time once it is back. */
  missed(): void {
    this.#graceUntilMs = this.#nowMs() + limits.deadReplicaMs;
  }

  async #nodesOf(row: ReplicaRow, before: Known | undefined): Promise<Map<string, NodeView>> {
    if (before !== undefined && before.row.version === row.version) return before.nodes;
    if (before !== undefined && before.row.version < row.version) {
      const nodes = new Map(before.nodes);
      await this.#readInto(nodes, row.id, before.row.version);
      if (nodes.size === row.nodes) return nodes;
    }
    // New, or it removed some, or the database went back.
    const all = new Map<string, NodeView>();
    await this.#readInto(all, row.id, 0);
    return all;
  }

  async #readInto(nodes: Map<string, NodeView>, replica: string, version: number): Promise<void> {
    for (const { id, state } of await this.#states.readSince(replica, version)) {
      // What is in the table was written as such by a replica whose database this version may open.
      nodes.set(id, state as NodeView);
    }
  }
}

function isNews(before: Known | undefined, now: Known): boolean {
  return before?.nodes !== now.nodes || before.alive !== now.alive;
}

/** The replica is not there any more, so neither are the streams that it had. */
function asGone(node: NodeView, { seenAt }: ReplicaRow): NodeView {
  return node.connected ? { ...node, connected: false, since: seenAt } : node;
}
