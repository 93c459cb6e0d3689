/** Whether a replica serves more than its share of the fleet, and which of its connections it should send away. Pure. */

/** Above the fair share by this factor, and by so many nodes at least. */
export interface Excess {
  readonly factor: number;
  readonly nodes: number;
}

/** Connected nodes that this replica has too many of; 0: it has not. `others`: of each other replica that lives. */
export function surplusOf(own: number, others: readonly number[], { factor, nodes }: Excess): number {
  const fair = (own + others.reduce((sum, count) => sum + count, 0)) / (others.length + 1);
  const surplus = Math.floor(own - fair);
  return own > fair * factor && surplus >= nodes ? surplus : 0;
}

/** A random one of those that are no larger than the surplus: sent away, a larger one is too much for somebody else. */
export function chooseToGo<C extends { readonly nodes: ReadonlySet<string> }>(
  connections: readonly C[],
  surplus: number,
  mayGo: (node: string) => boolean,
  random: () => number,
): C | undefined {
  const fitting = connections.filter(({ nodes }) => nodes.size > 0 && nodes.size <= surplus && [...nodes].every(mayGo));
  return fitting[Math.floor(random() * fitting.length)];
}
