/** Which documents a document names, and where it says so. */
import type { DocumentKey } from './document.ts';
import { type Path, pointerInto } from './problems.ts';
import type { ClusterSpec, Reference, Typed } from './specs.ts';

export interface Named {
  readonly key: DocumentKey;
  /** Position in the spec; `undefined` for the document's own `tenant`. */
  readonly path: Path | undefined;
}

/** Everything a document needs to exist, its tenant first. */
export function namedBy(typed: Typed): Named[] {
  const { tenant } = typed.document;
  const owner: Named[] = tenant === undefined ? [] : [{ key: { kind: 'Tenant', name: tenant }, path: undefined }];
  return [...owner, ...namedInSpec(typed)];
}

function namedInSpec(typed: Typed): Named[] {
  switch (typed.kind) {
    case 'Listener':
      return [
        ...typed.spec.groups.map(
          (name, index): Named => ({ key: { kind: 'NodeGroup', name }, path: ['groups', index] }),
        ),
        ...(typed.spec.tls?.certificates ?? []).map(
          (secret, index): Named => ({ key: { kind: 'Secret', ...secret }, path: ['tls', 'certificates', index] }),
        ),
        ...clientAuthorities(typed),
      ];
    case 'Cluster': {
      const { health, nodes } = typed.spec;
      return [
        ...(nodes === null ? [] : nodesOf(nodes)),
        ...(health === null || !('policy' in health)
          ? []
          : [{ key: { kind: 'HealthPolicy' as const, ...health.policy }, path: ['health'] }]),
      ];
    }
    case 'Route':
      return [
        ...(typed.spec.listeners ?? []).map((name, index) => listener(name, ['listeners', index])),
        ...clusters(typed.spec.to),
        ...(typed.spec.fallback === null ? [] : [fallbackOf(typed.spec.fallback)]),
      ];
    case 'L4Route':
      return [listener(typed.spec.listener, ['listener']), ...clusters(typed.spec.to)];
    case 'Tenant':
    case 'NodeGroup':
    case 'HealthPolicy':
    case 'Secret':
      return [];
  }
}

function clientAuthorities({ spec }: Typed<'Listener'>): Named[] {
  const client = spec.tls?.client ?? null;
  return client === null ? [] : [{ key: { kind: 'Secret', ...client.ca }, path: ['tls', 'client', 'ca'] }];
}

function nodesOf(nodes: NonNullable<ClusterSpec['nodes']>): Named[] {
  return [
    { key: { kind: 'NodeGroup', name: nodes.group }, path: ['nodes', 'group'] },
    listener(nodes.listener, ['nodes', 'listener']),
  ];
}

function listener(name: string, path: Path): Named {
  return { key: { kind: 'Listener', name }, path };
}

function clusters(to: readonly { readonly cluster: Reference }[]): Named[] {
  return to.map(({ cluster }, index) => ({ key: { kind: 'Cluster', ...cluster }, path: ['to', index, 'cluster'] }));
}

function fallbackOf({ cluster }: { readonly cluster: Reference }): Named {
  return { key: { kind: 'Cluster', ...cluster }, path: ['fallback', 'cluster'] };
}

/** The pointer at which the author wrote this. */
export function pointerTo(typed: Typed, { path }: Named): string {
  return path === undefined ? '/tenant' : pointerInto(typed.document.spec, path);
}
