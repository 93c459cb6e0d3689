/** One group's next snapshot, or why there is none. Pure. */
import type { DocumentKey } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import type { Placements } from '../model/placements.ts';
import { buildSnapshot, sameContent } from '../snapshot/build.ts';
import { checkSnapshot } from '../snapshot/check.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { encodeGroup, type OnEncoded, translateGroup, translateGroupAgain } from '../translate/group.ts';
import { type GroupResources, TranslationError } from '../translate/resources.ts';

export interface Rendered {
  readonly resources: GroupResources;
  readonly snapshot: Snapshot;
}

/** Why a group is not served the newest documents. */
export interface PublishFailure {
  /** Revision of the documents that could not be published. */
  readonly revision: number;
  /** Sentences. */
  readonly problems: readonly string[];
  /** The document at fault, where one is known. */
  readonly document: DocumentKey | undefined;
}

/**
 * `previous`: what was rendered before `changed` and placements changed; undefined after a failure and at the start. A snapshot that
 * says nothing new to any client is the very one before (`last`).
 */
export function renderGroup(
  documents: DocumentSet,
  placements: Placements,
  group: string,
  last: Snapshot | undefined,
  previous: GroupResources | undefined,
  changed: readonly DocumentKey[],
  onEncoded?: OnEncoded,
): Rendered | PublishFailure {
  const { revision } = documents;
  try {
    const resources =
      previous === undefined
        ? translateGroup(documents, group, placements)
        : translateGroupAgain(documents, group, previous, changed, placements);
    const resourceTtlMs = documents.get('NodeGroup', undefined, group)?.spec.resourceTtlMs ?? 0;
    const built = buildSnapshot(group, revision, encodeGroup(resources, onEncoded), last, resourceTtlMs);
    const problems = checkSnapshot(built);
    if (problems.length > 0) return { revision, problems, document: undefined };
    const same = last !== undefined && sameContent(last, built);
    return { resources, snapshot: same ? last : built };
  } catch (error) {
    const document = error instanceof TranslationError ? error.document : undefined;
    return { revision, problems: [error instanceof Error ? error.message : String(error)], document };
  }
}
