/** The reference check: a snapshot in which a name leads nowhere never reaches a client (case A15). */
import { pushOrder, type XdsType } from '../../proto/type-urls.ts';
import { type References, referencesOf } from './references.ts';
import { type Snapshot, wholeOf } from './snapshot.ts';

/** What one resource is called in sentences. */
const words: Readonly<Record<XdsType, string>> = {
  clusters: 'Cluster',
  endpoints: 'ClusterLoadAssignment',
  listeners: 'Listener',
  routes: 'RouteConfiguration',
  scopedRoutes: 'ScopedRouteConfiguration',
  virtualHosts: 'VirtualHost',
  secrets: 'Secret',
  runtimes: 'Runtime',
  extensionConfigs: 'TypedExtensionConfig',
};

/** Types of which nothing is served that nobody names: an orphan means that two translations disagree on a name. */
const namedTypes = ['endpoints', 'routes', 'virtualHosts', 'secrets'] as const;

/** Problems as sentences; none: every reference resolves and nothing stands alone. */
export function checkSnapshot(snapshot: Snapshot): string[] {
  const problems: string[] = [];
  const types = snapshot.hostsApart;
  const hosts = new Set([...snapshot.hostsOf.values()].flat());
  const named = {
    ...{ clusters: new Set<string>(), endpoints: new Set<string>(), routes: new Set<string>() },
    ...{ virtualHosts: hosts, secrets: new Set<string>() },
  };

  for (const type of pushOrder) {
    for (const resource of wholeOf(types[type]).resources.values()) {
      const who = `${words[type]} ${resource.name}`;
      let references: References;
      try {
        references = referencesOf(type, resource);
      } catch (error) {
        problems.push(`${who} cannot be decoded: ${error instanceof Error ? error.message : String(error)}`);
        continue;
      }
      if (references.name !== resource.name) {
        problems.push(
          `${who} holds a message that calls itself ${JSON.stringify(references.name)}; the two must agree`,
        );
      }
      for (const target of ['clusters', 'endpoints', 'routes', 'secrets'] as const) {
        for (const name of references[target]) {
          named[target].add(name);
          if (!wholeOf(types[target]).resources.has(name)) {
            problems.push(`${who} names ${words[target]} ${name}, which the snapshot does not hold`);
          }
        }
      }
    }
  }

  for (const type of namedTypes) {
    for (const name of types[type].resources.keys()) {
      if (!named[type].has(name)) problems.push(`${words[type]} ${name} is named by nothing in the snapshot`);
    }
  }
  return problems;
}
