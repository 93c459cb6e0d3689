/** A domain belongs to one virtual host of a table. Pure: who may come without taking a domain from another. */
import type { VirtualHostConfig } from '../model/config.ts';
import type { Problem } from './decode/problems.ts';

/** One table as it stands, which is without a clash. */
export interface Claims {
  /** Name of the host that has the domain, wherever it came from. */
  ownerOf(domain: string): string | undefined;
  /** Of a host that came as a resource of its own. */
  domainsOf(host: string): readonly string[] | undefined;
}

/**
 * Hosts of one response that may not come, by name, each with the reason. They keep their last good form, and so may
 * be in the way of others of the same response, which then may not come either. Domains may be passed on within one
 * response, in any order.
 */
export function findClashes(
  claims: Claims,
  arrived: readonly VirtualHostConfig[],
  removed: readonly string[],
): ReadonlyMap<string, readonly Problem[]> {
  const changed = new Map<string, string | undefined>();
  const ownerOf = (domain: string) => (changed.has(domain) ? changed.get(domain) : claims.ownerOf(domain));
  const claim = (name: string, domains: readonly string[]) => {
    for (const domain of domains) changed.set(domain, name);
  };
  const release = (name: string, domains: readonly string[]) => {
    for (const domain of domains) if (ownerOf(domain) === name) changed.set(domain, undefined);
  };
  const newForms = new Map(arrived.map((host) => [host.name, host.domains]));
  const refused = new Map<string, readonly Problem[]>();

  const refuse = (first: string, problem: Problem) => {
    refused.set(first, [problem]);
    const fallingBack = [first];
    for (let name = fallingBack.pop(); name !== undefined; name = fallingBack.pop()) {
      const lastGood = claims.domainsOf(name) ?? [];
      for (const domain of lastGood) {
        const owner = ownerOf(domain);
        if (owner === undefined || owner === name) continue;
        // last good forms are without a clash, so the owner is here in its new form
        const itsDomains = newForms.get(owner) ?? [];
        release(owner, itsDomains);
        refused.set(owner, [clash(itsDomains.indexOf(domain), domain, name)]);
        fallingBack.push(owner);
      }
      claim(name, lastGood);
    }
  };

  for (const name of [...removed, ...newForms.keys()]) release(name, claims.domainsOf(name) ?? []);
  for (const { name, domains } of arrived) {
    const index = domains.findIndex((domain) => ownerOf(domain) !== undefined);
    if (index === -1) claim(name, domains);
    else refuse(name, clash(index, domains[index]!, ownerOf(domains[index]!)!));
  }
  return refused;
}

function clash(index: number, domain: string, owner: string): Problem {
  return {
    path: `domains[${index}]`,
    message: `${JSON.stringify(domain)} is a domain of ${JSON.stringify(owner)} already`,
  };
}
