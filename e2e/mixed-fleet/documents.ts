/** One set of endpoints, balanced in every way that goes by keys. */

export interface Endpoint {
  readonly name: string;
  readonly port: number;
  readonly weight: number;
  readonly zone: string;
}

interface Variant {
  readonly name: string;
  /** Of the Cluster. */
  readonly balance: string;
}

const policies = {
  ring: 'policy: ring-hash, minSize: 1024',
  'ring-murmur': 'policy: ring-hash, function: murmur-hash-2, minSize: 1024',
  maglev: 'policy: maglev',
};

/** Endpoints have weights in all of them; in every other one their zones have some as well. */
export const variants: readonly Variant[] = Object.entries(policies).flatMap(([name, policy]) => [
  { name, balance: `{ ${policy} }` },
  { name: `${name}-zones`, balance: `{ ${policy}, localities: { a: 3, b: 1 } }` },
]);

export function groupDocuments(): string {
  return `kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: http }
`;
}

export function clusterDocuments(endpoints: readonly Endpoint[]): string {
  const list = endpoints
    .map(({ port, weight, zone }) => `{ address: 127.0.0.1, port: ${port}, weight: ${weight}, zone: ${zone} }`)
    .join(', ');
  return variants
    .map(({ name, balance }) => document('Cluster', name, `{ endpoints: [${list}], balance: ${balance} }`))
    .join('');
}

/** To each variant below `/NAME/`, by the header `x-key`. */
export function routeDocuments(): string {
  return variants
    .map(({ name }) =>
      document(
        'Route',
        name,
        `{ hosts: [keyed.example.com], match: { path: { prefix: /${name} } }, to: [{ cluster: ${name} }], affinity: { hash: [{ header: x-key }] } }`,
      ),
    )
    .join('');
}

export function document(kind: string, name: string, spec: string): string {
  return `---\nkind: ${kind}\nname: ${name}\nspec: ${spec}\n`;
}
