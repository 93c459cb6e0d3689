/** The rules about the domains of virtual hosts, which reach across the hosts that stand in one message. */
import type { VirtualHostConfig } from '../../model/config.ts';
import { type Place, unsupported } from './problems.ts';

/** `domains` are lower-case. One domain in two hosts, or twice in one, would make the choice depend on their order. */
export function checkDomains(
  place: Place,
  hosts: readonly VirtualHostConfig[],
  { ignorePort }: { ignorePort: boolean },
): void {
  const owners = new Map<string, string>();
  hosts.forEach((host, index) => {
    checkHost(place.item('virtual_hosts', index), host, `virtual_hosts[${index}]`, owners, ignorePort);
  });
}

/** For a host that comes alone: what its table says of ports is not known here, so the stricter rule holds. */
export function checkOwnDomains(place: Place, host: VirtualHostConfig): void {
  checkHost(place, host, 'this virtual host', new Map(), false);
}

/** `owners`: who has each domain so far. */
function checkHost(
  place: Place,
  { domains }: VirtualHostConfig,
  called: string,
  owners: Map<string, string>,
  ignorePort: boolean,
): void {
  if (domains.length === 0) place.field('domains').refuse('must hold a domain');
  domains.forEach((domain, index) => {
    const owner = owners.get(domain);
    const item = place.item('domains', index);
    if (domain === '') item.refuse('must not be empty');
    else if (owner !== undefined) item.refuse(`${JSON.stringify(domain)} is a domain of ${owner} already`);
    else if (!ignorePort && !matchesWithoutPort(domain, domains)) {
      item.refuse(`${JSON.stringify(domain)}: a domain with a port, without the same domain bare, is ${unsupported}`);
    }
    owners.set(domain, owner ?? called);
  });
}

/** Hosts are compared without their port, so a domain with one is met only through the bare domain beside it. */
function matchesWithoutPort(domain: string, domains: readonly string[]): boolean {
  const bare = /^(.*):(?:[0-9]+|\*)$/.exec(domain)?.[1];
  return bare === undefined || domains.includes(bare);
}
