/** Names as this machine finds them: /etc/hosts, then the servers of /etc/resolv.conf, with the times that records hold. */
import { promises as dns, NODATA, NOTFOUND } from 'node:dns';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { knownAddresses, parseHosts } from './hosts-file.ts';
import { limits } from './limits.ts';
import { type Answer, byFamily, type Resolver } from './resolver.ts';

/** @param options `servers`: `ip:port`, in place of the system's */
export function systemResolver(
  options: { readonly servers?: readonly string[]; readonly hostsFile?: string } = {},
): Resolver {
  const { servers, hostsFile = '/etc/hosts' } = options;
  return {
    lookUp: async (hostname, family) => {
      // Both files may be edited while a node runs: they are read anew.
      const hosts = parseHosts(await readFile(hostsFile, 'utf8').catch(() => ''));
      const known = knownAddresses(hostname, hosts);
      if (known !== undefined) {
        const of = (version: 4 | 6) => known.filter((address) => net.isIP(address) === version);
        return byFamily(family, async (version) => ({ addresses: of(version), ttlMs: null }));
      }
      const server = new dns.Resolver({ timeout: limits.questionMs, tries: limits.questions });
      if (servers !== undefined) server.setServers(servers);
      return byFamily(family, (version) => ask(server, hostname, version));
    },
  };
}

async function ask(server: dns.Resolver, hostname: string, version: 4 | 6): Promise<Answer> {
  try {
    const ttl = { ttl: true } as const;
    const records = await (version === 4 ? server.resolve4(hostname, ttl) : server.resolve6(hostname, ttl));
    const seconds = Math.min(...records.map((record) => record.ttl), limits.mostTtlSeconds);
    return { addresses: [...new Set(records.map(({ address }) => address))], ttlMs: seconds * 1000 };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // The name does not exist, or has no such address, says who knows.
    if (code === NOTFOUND || code === NODATA) return { addresses: [], ttlMs: null };
    return { error: message };
  }
}
