/** /etc/hosts: names that are known without asking anybody. */
import net from 'node:net';

export type HostsFile = ReadonlyMap<string, readonly string[]>;

/** Addresses by name in lower case, in the order of the file; lines that say nothing are passed over. */
export function parseHosts(text: string): HostsFile {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = net.isIP(address);
    if (family === 0) continue;
    const canonical = new net.SocketAddress({ address, family: family === 4 ? 'ipv4' : 'ipv6' }).address;
    for (const name of names.map((one) => one.toLowerCase())) {
      const known = hosts.get(name) ?? [];
      if (!known.includes(canonical)) hosts.set(name, [...known, canonical]);
    }
  }
  return hosts;
}

/** What needs no question: an address itself, a name of the file, `localhost` (RFC 6761 section 6.3). */
export function knownAddresses(hostname: string, hosts: HostsFile): readonly string[] | undefined {
  if (net.isIP(hostname) !== 0) return [hostname];
  const name = hostname.toLowerCase().replace(/\.$/, '');
  const known = hosts.get(name);
  if (known !== undefined) return known;
  return name === 'localhost' || name.endsWith('.localhost') ? ['127.0.0.1', '::1'] : undefined;
}
