/** The fleet as the REST API tells it: nodes, what they have, and what they report. */

export interface TypeState {
  /** `unknown`: the node does not ask for this type. */
  readonly state: 'synced' | 'stale' | 'nack' | 'unknown';
  readonly version?: string;
  /** Why the node refuses it. */
  readonly error?: string;
  /** ISO time since when it is so. */
  readonly since?: string;
}

export interface NodeState {
  readonly id: string;
  readonly group: string;
  readonly connected: boolean;
  /** ISO time since when it is, or is not, connected. */
  readonly since: string;
  readonly userAgent: string;
  readonly zone: string;
  /** What it says of itself; absent where it says nothing. */
  readonly phase?: 'initializing' | 'live' | 'leaving';
  readonly draining?: Draining;
  readonly types: Readonly<Record<string, TypeState>>;
  /** What it reports of the requests that it sends; with one node only, and while the control plane can tell. */
  readonly load?: readonly ClusterLoad[];
  /** What it reports of endpoints; as well. */
  readonly health?: readonly NodeClusterHealth[];
}

export interface Draining {
  /** ISO time, as is the next. */
  readonly since: string;
  readonly deadline: string;
  readonly by: string;
  /** That are open; absent where the node says nothing of them. */
  readonly connections?: number;
}

export interface ClusterName {
  readonly tenant?: string;
  readonly name: string;
}

/** ISO time since when, and why if that says more. */
export interface StateFacts {
  readonly since: string;
  readonly reason?: string;
}

export interface NodeClusterHealth extends ClusterName {
  readonly endpoints: readonly (StateFacts & { readonly endpoint: string; readonly state: string })[];
}

/** Endpoints of a cluster that are not healthy, as nodes see them. */
export interface ClusterHealth extends ClusterName {
  /** That report the cluster. */
  readonly nodes: number;
  readonly endpoints: readonly {
    readonly endpoint: string;
    readonly states: Readonly<Record<string, StateFacts & { readonly nodes: number }>>;
  }[];
}

/** Requests (TCP: connections) since the node's first report; `inProgress` as of the newest. */
export interface LoadCounts {
  readonly issued: number;
  readonly successful: number;
  readonly errors: number;
  readonly inProgress: number;
}

export interface ClusterLoad extends LoadCounts {
  readonly tenant?: string;
  readonly name: string;
  readonly dropped: number;
  readonly localities: readonly (LoadCounts & {
    readonly region: string;
    readonly zone: string;
    readonly subZone: string;
  })[];
}

export interface FleetState {
  readonly items: readonly NodeState[];
  /** Sentences: why the replica that was asked is not ready, if it is not. */
  readonly problems?: readonly string[];
}
