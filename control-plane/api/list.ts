/** Lists: filtered by label, in one order, a page at a time. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DocumentKey, Kind } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import type { Typed } from '../model/specs.ts';
import { triedRoutes } from '../model/tried-routes.ts';
import { parseLabelFilters } from './labels.ts';
import type { ApiLimits } from './limits.ts';
import { compareKeys } from './present.ts';
import { ApiError } from './problems.ts';
import { readNumber, readOne, readQuery } from './query.ts';

export interface ListOptions {
  readonly documents: DocumentSet;
  readonly kind: Kind;
  /** Undefined: of all owners. */
  readonly tenant: string | undefined;
  readonly mayRead: (document: DocumentKey) => boolean;
  readonly present: (typed: Typed) => unknown;
  readonly limits: ApiLimits;
}

export interface Page {
  readonly items: readonly unknown[];
  /** For `?cursor=`; null on the last page. */
  readonly cursor: string | null;
  readonly revision: number;
}

export function listDocuments(request: FastifyRequest, reply: FastifyReply, options: ListOptions): Page {
  const { documents, kind, tenant, limits } = options;
  const query = readQuery(request.url, ['limit', 'cursor', 'label', ...(kind === 'Route' ? ['host'] : [])]);
  const limit = readNumber(query, 'limit', limits.pageSize, 1, limits.maxPageSize);
  const after = decodeCursor(readOne(query, 'cursor'), kind);
  const hasLabels = parseLabelFilters(query['label'] ?? []);

  const host = kind === 'Route' ? readOne(query, 'host') : undefined;
  if (host !== undefined) {
    const tried = triedRoutes(documents, host)
      .filter(({ document }) => tenant === undefined || document.tenant === tenant)
      .filter(({ document }) => hasLabels(document.labels ?? {}) && options.mayRead(document));
    return { items: tried.map(options.present), cursor: null, revision: documents.revision };
  }
  const all: Iterable<Typed> = tenant === undefined ? documents.all(kind) : documents.ofTenant(kind, tenant);
  const found = [...all]
    .filter(({ document }) => hasLabels(document.labels ?? {}) && options.mayRead(document))
    .filter(({ document }) => after === undefined || compareKeys(document, after) > 0)
    .sort((a, b) => compareKeys(a.document, b.document));
  const page = found.slice(0, limit);
  const cursor = found.length > limit ? encodeCursor(page.at(-1)!.document) : null;
  if (cursor !== null) reply.header('link', `<${nextUrl(request.url, cursor)}>; rel="next"`);
  return { items: page.map(options.present), cursor, revision: documents.revision };
}

/** A page ends at a document, not at a number: what is added or deleted meanwhile moves nothing else. */
function encodeCursor({ tenant, name }: DocumentKey): string {
  return Buffer.from(`${tenant ?? ''}/${name}`).toString('base64url');
}

function decodeCursor(text: string | undefined, kind: Kind): DocumentKey | undefined {
  if (text === undefined || text === '') return undefined;
  const match = /^([a-z0-9-]*)\/([a-z0-9-]+)$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  if (!match) throw new ApiError(400, `The cursor "${text}" is not one that a list gave. Leave it out to start over.`);
  return { kind, tenant: match[1] === '' ? undefined : match[1], name: match[2]! };
}

function nextUrl(url: string, cursor: string): string {
  const [path = '', query = ''] = url.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', cursor);
  return `${path}?${parameters}`;
}
