/**
 * When a node is told to drain: once those that send it new flows have been told not to, so that none of them meets a
 * node that closes; or after a while, whatever they say.
 */
import type { Drains } from '../fleet/drains.ts';
import type { Fleet, NodeView } from '../fleet/fleet.ts';
import type { NodePlacements } from '../fleet/placements.ts';
import type { FleetView } from '../fleet/shared-fleet.ts';
import { type SnapshotSource, serves } from '../snapshot/snapshot.ts';
import type { Timers } from './debounce.ts';
import { orderLimits } from './limits.ts';
import type { Publisher } from './publisher.ts';

export interface OrdersDependencies {
  readonly drains: Pick<Drains, 'get' | 'onChange'>;
  readonly states: Pick<Fleet['states'], 'obey' | 'renewOrders'>;
  readonly placements: Pick<NodePlacements, 'isOffered'>;
  readonly publisher: Pick<Publisher, 'usersOf'>;
  /** All replicas' nodes. */
  readonly fleet: Pick<FleetView, 'list'>;
  readonly snapshots: Pick<SnapshotSource, 'get'>;
  readonly timers: Timers;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

type Node = Pick<NodeView, 'id' | 'group'>;

export class Orders {
  readonly #dependencies: OrdersDependencies;
  #cancel: (() => void) | undefined;
  #unsubscribe: () => void = () => {};

  constructor(dependencies: OrdersDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    const { drains, states } = this.#dependencies;
    states.obey((node) => this.#drainsUntilMs(node));
    this.#unsubscribe = drains.onChange(() => states.renewOrders());
  }

  close(): void {
    this.#unsubscribe();
    this.#cancel?.();
  }

  #drainsUntilMs(node: Node): number | null {
    const { drains, now } = this.#dependencies;
    const drain = drains.get(node.id);
    if (drain === undefined) return null;
    const isDue = now() - drain.beganMs >= orderLimits.waitMs || this.#isLeft(node);
    if (isDue) return drain.beganMs + drain.timeoutMs;
    this.#lookAgain();
    return null;
  }

  #lookAgain(): void {
    const { timers, states } = this.#dependencies;
    this.#cancel ??= timers.after(orderLimits.lookMs, () => {
      this.#cancel = undefined;
      states.renewOrders();
    });
  }

  /** Whether every node that had it as an endpoint has acknowledged that it drains. */
  #isLeft({ id, group }: Node): boolean {
    const { placements, publisher, fleet, snapshots } = this.#dependencies;
    if (placements.isOffered(id, group)) return false;
    const users = publisher.usersOf(group);
    if (users === undefined) return false;
    if (users.length === 0) return true;
    return fleet.list().every(({ connected, group: ofUser, types: { endpoints } }) => {
      if (!connected || !users.includes(ofUser) || endpoints === undefined || endpoints.state === 'unknown')
        return true;
      const snapshot = snapshots.get(ofUser);
      const version = endpoints.acknowledgedVersion ?? '';
      return endpoints.state === 'synced' && snapshot !== undefined && serves(snapshot, 'endpoints', version);
    });
  }
}
