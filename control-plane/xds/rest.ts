/**
 * Discovery by single requests: one POST, one answer, nothing remembered between them (case A18). What the client has
 * stands in the version that it sends.
 */
import { contentHash, toJson } from '../../proto/codec.ts';
import { restMethods, typeUrls } from '../../proto/type-urls.ts';
import { type SnapshotSource, wholeOf } from '../snapshot/snapshot.ts';

export interface RestRequest {
  readonly group: string;
  /** None, or `*`: everything of the type. */
  readonly names: readonly string[];
  /** Of the answer that the client has; empty: none. */
  readonly version: string;
}

export type RestAnswer =
  | { readonly kind: 'resources'; readonly version: string; readonly resources: readonly Record<string, unknown>[] }
  /** The client has it. */
  | { readonly kind: 'current' }
  /** The group is served nothing (yet). */
  | { readonly kind: 'no-data' };

export interface RestDiscovery {
  /** Type URL by the last segment of the path. */
  readonly paths: ReadonlyMap<string, string>;
  /** `path`: one of `paths`. */
  answer(path: string, request: RestRequest): RestAnswer;
}

export function restDiscovery(source: Pick<SnapshotSource, 'get'>): RestDiscovery {
  const types = new Map(restMethods);
  return {
    paths: new Map([...types].map(([path, type]) => [path, typeUrls[type]])),
    answer(path, { group, names, version: held }) {
      const type = types.get(path);
      const current = type && source.get(group)?.types[type];
      if (type === undefined || current === undefined) return { kind: 'no-data' };
      const everything = names.length === 0 || names.includes('*');
      const whole = wholeOf(current).resources;
      const found = everything
        ? [...current.resources.values()]
        : [...new Set(names)].flatMap((name) => whole.get(name) ?? []);
      // the version of what was asked for: who asks for another name has not had it, whatever else stayed as it was
      const version = everything
        ? current.version
        : contentHash(Buffer.from(JSON.stringify(found.map((resource) => [resource.name, resource.version]))));
      if (version === held) return { kind: 'current' };
      return {
        kind: 'resources',
        version,
        resources: found.map(({ value }) => toJson({ type_url: typeUrls[type], value })),
      };
    },
  };
}
