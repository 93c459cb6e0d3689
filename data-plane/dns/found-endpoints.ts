/** What names lead to, as endpoints. */
import type { AssignmentConfig, DnsConfig, EndpointConfig } from '../model/config.ts';

type Name = DnsConfig['names'][number];

/**
 * Makes the same object of the same name and address again, and returns `before` where nothing changed.
 * @param addressesOf what was found for a name; empty: nothing
 */
export class FoundEndpoints {
  /** Of the last time, by address. */
  #made: ReadonlyMap<Name, ReadonlyMap<string, EndpointConfig>> = new Map();
  #endpoints: AssignmentConfig['endpoints'] = [];

  of(dns: DnsConfig, addressesOf: (hostname: string) => readonly string[]): AssignmentConfig['endpoints'] {
    const made = new Map<Name, Map<string, EndpointConfig>>();
    const found = new Map<string, EndpointConfig>();
    for (const name of dns.names) {
      const known = this.#made.get(name);
      const mine = new Map<string, EndpointConfig>();
      made.set(name, mine);
      for (const address of addressesOf(name.hostname)) {
        const endpoint = known?.get(address) ?? { ...name, key: keyOf(dns, name, address), address };
        mine.set(address, endpoint);
        // an address that several names lead to is one endpoint, of the first of them
        if (!found.has(endpoint.key)) found.set(endpoint.key, endpoint);
      }
    }
    this.#made = made;
    const endpoints = [...found.values()];
    const before = this.#endpoints;
    const same = endpoints.length === before.length && endpoints.every((endpoint, index) => endpoint === before[index]);
    if (!same) this.#endpoints = endpoints;
    return this.#endpoints;
  }
}

/** A logical cluster's one endpoint is its name, wherever that leads. */
function keyOf({ type }: DnsConfig, { hostname, port }: Name, address: string): string {
  const host = type === 'strict' ? address : hostname;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
