/**
 * Virtual hosts on demand: a client names `<route configuration>/<host of a request>` and is given the virtual host that
 * would take the request, under its own name and with the asked-for one as an alias (Envoy's VHDS; case A16).
 */
import { aliased } from '../snapshot/encode.ts';
import type { EncodedResource, TypeSnapshot } from '../snapshot/snapshot.ts';

const known = new WeakMap<TypeSnapshot, WeakMap<ReadonlySet<string>, TypeSnapshot>>();

/** What `names` stand for among `all`; worked out once for each set of names. */
export function hostsByName(all: TypeSnapshot, names: ReadonlySet<string>): TypeSnapshot {
  let byNames = known.get(all);
  if (byNames === undefined) known.set(all, (byNames = new WeakMap()));
  let view = byNames.get(names);
  if (view === undefined) {
    const resources = new Map<string, EncodedResource>();
    for (const name of [...names].sort()) {
      const resource = hostOf(all, name);
      if (resource !== undefined) resources.set(name, resource);
    }
    byNames.set(names, (view = { version: all.version, ttlMs: all.ttlMs, resources }));
  }
  return view;
}

function hostOf({ resources }: TypeSnapshot, name: string): EncodedResource | undefined {
  const exact = resources.get(name);
  if (exact !== undefined) return exact;
  const slash = name.indexOf('/');
  if (slash < 0) return undefined;
  const configuration = name.slice(0, slash);
  for (const domain of domainsOf(name.slice(slash + 1))) {
    const resource = resources.get(`${configuration}/${domain}`);
    if (resource !== undefined) return aliased('virtualHosts', resource, name);
  }
  return undefined;
}

/** The domains that take a host, the most specific first; a host may come with its port, and in any case. */
function domainsOf(authority: string): string[] {
  const host = authority.toLowerCase().replace(/:\d+$/, '');
  const labels = host.split('.');
  const suffixes = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`);
  return [host, ...suffixes, '*'];
}
