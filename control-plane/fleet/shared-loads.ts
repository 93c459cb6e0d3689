/** The load from any replica: what this one's nodes report from memory, the others' from the database at the moment of the question. */
import { resourceName } from '../../proto/names.ts';
import { limits } from './limits.ts';
import { busiest, type ClusterLoadView, mergeViews } from './load-sums.ts';
import type { LoadList, Loads, LoadsView } from './loads.ts';
import { keyOf } from './node-key.ts';
import type { ReadOthers } from './shared-reports.ts';

export class SharedLoads implements LoadsView {
  readonly #own: Loads;
  readonly #read: ReadOthers;

  constructor(own: Loads, read: ReadOthers) {
    this.#own = own;
    this.#read = read;
  }

  async list(): Promise<LoadList> {
    const { items, leftOut } = this.#own.list();
    const others = await this.#read('cluster');
    return {
      items: mergeViews([...items, ...others.states.map(({ load }) => load as ClusterLoadView)]),
      leftOut: leftOut + others.leftOut,
    };
  }

  async ofCluster(tenant: string | undefined, name: string): Promise<ClusterLoadView> {
    const own = this.#own.ofCluster(tenant, name);
    const { states } = await this.#read('cluster', resourceName(tenant, name));
    return mergeViews([own, ...states.map(({ load }) => load as ClusterLoadView)])[0]!;
  }

  async ofNode(id: string, group: string): Promise<readonly ClusterLoadView[]> {
    const own = this.#own.ofNode(id, group);
    const { states } = await this.#read('node', keyOf(id, group));
    const all = mergeViews([...own, ...states.flatMap(({ load }) => load as ClusterLoadView[])]);
    return busiest(all, limits.loadClustersShown);
  }
}
