/** The states of endpoints from any replica: of this one's nodes from memory, of the others' from the database at the moment of the question. */
import { resourceName } from '../../proto/names.ts';
import { type ClusterHealthView, mergeHealth, type NodeClusterHealthView } from './health-views.ts';
import type { Healths, HealthsView } from './healths.ts';
import { keyOf } from './node-key.ts';
import type { ReadOthers } from './shared-reports.ts';

export class SharedHealths implements HealthsView {
  readonly #own: Healths;
  readonly #read: ReadOthers;

  constructor(own: Healths, read: ReadOthers) {
    this.#own = own;
    this.#read = read;
  }

  async list(): Promise<readonly ClusterHealthView[]> {
    const { states } = await this.#read('cluster-health');
    return mergeHealth([...this.#own.list(), ...states.map(({ load }) => load as ClusterHealthView)]);
  }

  async ofCluster(tenant: string | undefined, name: string): Promise<ClusterHealthView> {
    const { states } = await this.#read('cluster-health', resourceName(tenant, name));
    const others = states.map(({ load }) => load as ClusterHealthView);
    return mergeHealth([this.#own.ofCluster(tenant, name), ...others])[0]!;
  }

  /** A node that has moved is told of by its old replica for a moment: where it is now counts. */
  async ofNode(id: string, group: string): Promise<readonly NodeClusterHealthView[]> {
    const own = this.#own.nodeViews(keyOf(id, group));
    if (own !== undefined) return own;
    const { states } = await this.#read('node-health', keyOf(id, group));
    return (states[0]?.load ?? []) as NodeClusterHealthView[];
  }
}
