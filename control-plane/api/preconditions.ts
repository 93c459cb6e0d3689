/** ETag, If-Match and If-None-Match over document revisions. */
import { ApiError } from './problems.ts';

export interface Preconditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

export function etag(revision: number): string {
  return `"${revision}"`;
}

/** Throws a 412 where the document (`undefined`: there is none) is not what the writer thought. */
export function checkPreconditions(
  { ifMatch, ifNoneMatch }: Preconditions,
  revision: number | undefined,
  what: string,
): void {
  if (ifMatch !== undefined && !matches(ifMatch, revision)) {
    const state = revision === undefined ? 'does not exist' : `is at revision ${revision}`;
    throw new ApiError(
      412,
      `${what} ${state}, but If-Match asks for ${ifMatch}. Read it again, redo the change on what is there now, and send its ETag.`,
      revision === undefined ? {} : { headers: { etag: etag(revision) } },
    );
  }
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, revision)) {
    throw new ApiError(
      412,
      `${what} exists already, but If-None-Match is ${ifNoneMatch}. Leave the header out to replace it.`,
      revision === undefined ? {} : { headers: { etag: etag(revision) } },
    );
  }
}

/** Whether a list of entity tags names this revision. A bare number is taken for its tag; a weak tag never matches. */
export function matches(header: string, revision: number | undefined): boolean {
  if (revision === undefined) return false;
  const tags = header.split(',').map((tag) => tag.trim());
  return tags.some((tag) => tag === '*' || tag === etag(revision) || tag === String(revision));
}
