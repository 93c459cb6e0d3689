/** Kinds as people type them, and where their documents live over REST. */
import { closest, distance } from 'fastest-levenshtein';
import { CliError } from './errors.ts';

export interface KindWords {
  readonly kind: string;
  readonly plural: string;
  /** Whether a tenant may own documents of it. */
  readonly tenanted: boolean;
}

export const kindWords: readonly KindWords[] = [
  { kind: 'Tenant', plural: 'tenants', tenanted: false },
  { kind: 'NodeGroup', plural: 'nodegroups', tenanted: false },
  { kind: 'Listener', plural: 'listeners', tenanted: false },
  { kind: 'Cluster', plural: 'clusters', tenanted: true },
  { kind: 'Route', plural: 'routes', tenanted: true },
  { kind: 'L4Route', plural: 'l4routes', tenanted: true },
  { kind: 'HealthPolicy', plural: 'healthpolicies', tenanted: true },
  { kind: 'Secret', plural: 'secrets', tenanted: true },
];

/** `Route`, `route`, `routes`, `node-groups`: as kubectl, letter case and hyphens do not matter. */
export function findKind(word: string): KindWords {
  const plain = word.toLowerCase().replaceAll(/[-_]/g, '');
  const found = kindWords.find(({ kind, plural }) => plain === plural || plain === kind.toLowerCase());
  if (found) return found;
  const plurals = kindWords.map(({ plural }) => plural);
  const near = closest(plain, plurals);
  const hint = distance(plain, near) <= 3 ? ` Did you mean ${near}?` : '';
  throw new CliError(`There is no kind "${word}".${hint} Known: ${plurals.join(', ')}.`, { exitCode: 2 });
}

/** `routes orders` or `routes/orders`. */
export function splitTarget(kindText: string, name: string | undefined): [kind: string, name: string | undefined] {
  const slash = kindText.indexOf('/');
  if (slash < 0) return [kindText, name];
  if (name !== undefined) throw new CliError(`Write ${kindText}, or the kind and the name apart.`, { exitCode: 2 });
  return [kindText.slice(0, slash), kindText.slice(slash + 1)];
}

/** REST path of a kind's list, or of one document. */
export function pathOf(words: KindWords, tenant: string | undefined, name?: string): string {
  if (tenant !== undefined && !words.tenanted) {
    throw new CliError(`A ${words.kind} belongs to no tenant. Leave --tenant out.`, { exitCode: 2 });
  }
  const owner = tenant === undefined ? '' : `tenants/${encodeURIComponent(tenant)}/`;
  return `/v1/${owner}${words.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}
