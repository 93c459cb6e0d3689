/** What names lead to, as endpoints. */
import type { AssignmentConfig, DnsConfig, EndpointConfig } from '../model/config.ts';

type Name = DnsConfig['names'][number];

/** Makes the same endpoint of the same name and addresses again, and the same list of the same endpoints. */
export class FoundEndpoints {
  /** Of the last time, by name and what it led to. */
  #made: ReadonlyMap<Name, ReadonlyMap<string, EndpointConfig>> = new Map();
  #endpoints: AssignmentConfig['endpoints'] = [];

  /** @param addressesOf what was found for a name; empty: nothing */
  of({ type, names }: DnsConfig, addressesOf: (hostname: string) => readonly string[]): AssignmentConfig['endpoints'] {
    const made = new Map<Name, Map<string, EndpointConfig>>();
    const found = new Map<string, EndpointConfig>();
    for (const name of names) {
      const known = this.#made.get(name);
      const mine = new Map<string, EndpointConfig>();
      made.set(name, mine);
      for (const addresses of placesOf(type, addressesOf(name.hostname))) {
        const id = addresses.join();
        const endpoint = known?.get(id) ?? endpointAt(type, name, addresses);
        mine.set(id, endpoint);
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

/** The addresses of each endpoint: one, or all that a logical name led to. */
function placesOf(type: DnsConfig['type'], addresses: readonly string[]): readonly (readonly string[])[] {
  if (type === 'strict') return addresses.map((address) => [address]);
  return addresses.length === 0 ? [] : [addresses];
}

function endpointAt(type: DnsConfig['type'], name: Name, [address = '', ...others]: readonly string[]): EndpointConfig {
  const host = type === 'strict' ? address : name.hostname;
  const key = host.includes(':') ? `[${host}]:${name.port}` : `${host}:${name.port}`;
  return { ...name, key, address, ...(others.length > 0 && { others }) };
}
