/** Both tiers' access logs, joined: each request of an L7 node came by one connection of the L4 node, which names it. */

export interface Joined {
  /** Requests whose line in the one log leads to one line in the other that names the same node. */
  readonly joined: number;
  readonly faults: readonly string[];
}

export interface TierLogs {
  readonly front: string;
  /** By the `address:port` of the node. */
  readonly nodes: ReadonlyMap<string, string>;
}

/** @param requests paths of all requests that were answered */
export function joinLogs({ front, nodes }: TierLogs, requests: number): Joined {
  const faults: string[] = [];
  const hosts = new Map<string, string>();
  for (const { unique_id: id = '', upstream_host: host = '' } of linesOf(front)) {
    if (hosts.has(id)) faults.push(`two connections are called ${id}`);
    hosts.set(id, host);
  }
  const seen = new Set<string>();
  let joined = 0;
  for (const [host, text] of nodes) {
    for (const { unique_id: id = '', path = '' } of linesOf(text)) {
      const by = hosts.get(id);
      if (seen.has(path)) faults.push(`${path} was served twice`);
      else if (by !== host) faults.push(`${path} at ${host} is of connection ${id}, which went to ${by ?? 'nobody'}`);
      else joined++;
      seen.add(path);
    }
  }
  if (seen.size !== requests) faults.push(`${requests} requests were answered, ${seen.size} stand in the logs`);
  return { joined, faults };
}

function linesOf(text: string): Record<string, string>[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Record<string, string>);
}
