/** Pure: how many flows of ours the system's connection tracking still has, by its own list. */

/** A connection in these is over, and only remembered. */
const over = new Set(['TIME_WAIT', 'CLOSE']);

/** @param key of a counted set: `port . address . port` */
export function portOf(protocol: string, key: string): string {
  return `${protocol} ${key.split(' ', 1)[0]}`;
}

/**
 * Those that were sent on from one of our ports. Somebody else's of the same port look the same, so it may say too many.
 * @param list /proc/net/nf_conntrack
 * @param ports as `portOf` writes them
 */
export function flowsLeft(list: string, ports: ReadonlySet<string>): number {
  let left = 0;
  for (const line of list.split('\n')) {
    const words = line.split(/\s+/);
    if (words.some((word) => over.has(word))) continue;
    const all = (name: string): readonly string[] =>
      words.filter((word) => word.startsWith(name)).map((word) => word.slice(name.length));
    const [to = '', port = ''] = [all('dst=')[0], all('dport=')[0]];
    const sentOn = all('src=')[1] !== to || all('sport=')[1] !== port;
    if (sentOn && ports.has(`${words[2]} ${port}`)) left++;
  }
  return left;
}
