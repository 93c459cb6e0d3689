/** One document at a time, and lists of them: the same routes for every kind. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { mergePatch } from '../model/diff.ts';
import { type DocumentKey, describeKey, type Kind, kinds } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { withoutSecrets } from '../model/secrets.ts';
import { StoreError } from '../store/store.ts';
import { bodyOf, documentTypes, mergePatchTypes } from './bodies.ts';
import { listDocuments } from './list.ts';
import { type Written, written } from './plan.ts';
import { documentPath, pluralOf } from './plurals.ts';
import { checkPreconditions, etag, matches, type Preconditions } from './preconditions.ts';
import { present, statusOfGroup } from './present.ts';
import { ApiError } from './problems.ts';
import { readFlag, readQuery } from './query.ts';
import { readDocumentAt, readOneValue } from './read-documents.ts';
import { isTenantKind, mayRead, tenantOwnedKinds } from './roles.ts';
import { addRoute, identityOf, type RouteReference } from './routes.ts';
import type { ApiDependencies } from './server.ts';
import { type Applied, writeDocuments } from './write.ts';

type Dependencies = Pick<ApiDependencies, 'store' | 'fleet' | 'placements' | 'publisher' | 'limits' | 'now'>;

export function addDocumentRoutes(app: FastifyInstance, dependencies: Dependencies): void {
  for (const kind of kinds) addKind(app, dependencies, kind, `/v1/${pluralOf[kind]}`);
  for (const kind of tenantOwnedKinds) addKind(app, dependencies, kind, `/v1/tenants/:tenant/${pluralOf[kind]}`);
}

function addKind(
  app: FastifyInstance,
  { store, fleet, placements, publisher, limits, now }: Dependencies,
  kind: Kind,
  list: string,
): void {
  const one = `${list}/:name`;
  const groupStatus = (group: string) => statusOfGroup(publisher, fleet, group);
  const shown = (key: DocumentKey) => {
    const typed = store.documents.get(key.kind, key.tenant, key.name);
    return typed && { revision: typed.document.revision, body: present(typed, store.documents, groupStatus) };
  };

  /** With what nodes report of its endpoints, unless replicas share that and cannot at the moment. */
  const withHealth = async (body: ReturnType<typeof present>, { tenant, name }: ReturnType<typeof keyOf>) => {
    if (!store.healthy()) return body;
    try {
      const { nodes, endpoints } = await fleet.healths.ofCluster(tenant, name);
      return { ...body, status: { ...body.status, nodes, endpoints } };
    } catch (error) {
      if (error instanceof StoreError) return body;
      throw error;
    }
  };

  /** The document as it stands after this write, even if another one came right behind it. */
  const answerWritten = (reply: FastifyReply, key: DocumentKey, applied: Applied, document: Written) => {
    const [change] = applied.changes;
    const current = shown(key);
    const own = change?.action === 'unchanged' || current?.revision === applied.revision;
    const revision = own && current ? current.revision : applied.revision;
    return reply
      .code(change?.action === 'created' ? 201 : 200)
      .headers({ etag: etag(revision), ...(change?.action === 'created' && { location: pathOf(key) }) })
      .send(own && current ? current.body : { ...withoutSecrets(document), revision });
  };

  addRoute(
    app,
    'GET',
    list,
    { access: { type: 'documents', action: 'list', kind }, reference: references.list(kind) },
    (request, reply) => {
      const key = keyOf(request, kind);
      demandTenant(store.documents, key.tenant);
      return listDocuments(request, reply, {
        documents: store.documents,
        kind,
        tenant: key.tenant,
        mayRead: (document) => mayRead(identityOf(request).role, kind, document.tenant, document.name),
        present: (typed) => present(typed, store.documents, groupStatus),
        limits,
      });
    },
  );

  addRoute(
    app,
    'GET',
    one,
    { access: { type: 'documents', action: 'read', kind }, reference: references.read(kind) },
    async (request, reply) => {
      readQuery(request.url, []);
      const key = keyOf(request, kind);
      const found = shown(key);
      if (!found) throw missing(store.documents, key);
      const known = request.headers['if-none-match'];
      reply.header('etag', etag(found.revision));
      if (known !== undefined && matches(known, found.revision)) return reply.code(304).send();
      return kind === 'Cluster' ? withHealth(found.body, key) : found.body;
    },
  );

  addRoute(
    app,
    'PUT',
    one,
    {
      access: { type: 'documents', action: 'write', kind },
      reference: references.put(kind),
      bodyLimit: limits.documentBytes,
    },
    async (request, reply) => {
      const dryRun = readFlag(readQuery(request.url, ['dryRun']), 'dryRun');
      const key = keyOf(request, kind);
      const document = readDocumentAt(key, readOneValue(bodyOf(request)));
      const check = (current: DocumentSet) => checkRevision(request, current, key);
      const propose = () => ({ put: [document], remove: [] });
      const applied = await writeDocuments(store, identityOf(request), propose, {
        dryRun,
        check,
        now,
        healths: fleet.healths,
        placements,
      });
      return dryRun ? applied : answerWritten(reply, key, applied, document);
    },
  );

  addRoute(
    app,
    'PATCH',
    one,
    {
      access: { type: 'documents', action: 'write', kind },
      reference: references.patch(kind),
      bodyLimit: limits.documentBytes,
    },
    async (request, reply) => {
      const dryRun = readFlag(readQuery(request.url, ['dryRun']), 'dryRun');
      const key = keyOf(request, kind);
      const patch = readOneValue(bodyOf(request));
      let patched: Written | undefined;
      const propose = (current: DocumentSet) => {
        const previous = current.get(key.kind, key.tenant, key.name)?.document;
        checkRevision(request, current, key);
        if (!previous) throw missing(current, key);
        const document = readDocumentAt(key, mergePatch(written(previous), patch));
        patched = document;
        return { put: [document], remove: [] };
      };
      const applied = await writeDocuments(store, identityOf(request), propose, {
        dryRun,
        now,
        healths: fleet.healths,
        placements,
      });
      return dryRun || patched === undefined ? applied : answerWritten(reply, key, applied, patched);
    },
  );

  addRoute(
    app,
    'DELETE',
    one,
    { access: { type: 'documents', action: 'write', kind }, reference: references.delete(kind) },
    async (request) => {
      const dryRun = readFlag(readQuery(request.url, ['dryRun']), 'dryRun');
      const key = keyOf(request, kind);
      const propose = (current: DocumentSet) => {
        checkRevision(request, current, key);
        if (!current.get(key.kind, key.tenant, key.name)) throw missing(current, key);
        return { put: [], remove: [key] };
      };
      return writeDocuments(store, identityOf(request), propose, { dryRun, now, healths: fleet.healths, placements });
    },
  );
}

function keyOf(request: FastifyRequest, kind: Kind): DocumentKey & { tenant?: string } {
  const { tenant, name = '' } = request.params as { tenant?: string; name?: string };
  return { kind, ...(tenant !== undefined && { tenant }), name };
}

function pathOf({ kind, tenant, name }: DocumentKey): string {
  return documentPath(kind, tenant, name);
}

function checkRevision(request: FastifyRequest, current: DocumentSet, key: DocumentKey): void {
  const preconditions: Preconditions = {
    ifMatch: request.headers['if-match'],
    ifNoneMatch: request.headers['if-none-match'],
  };
  const found = current.get(key.kind, key.tenant, key.name);
  checkPreconditions(preconditions, found?.document.revision, describeKey(key));
}

function demandTenant(documents: DocumentSet, tenant: string | undefined): void {
  if (tenant === undefined || documents.get('Tenant', undefined, tenant)) return;
  throw new ApiError(
    404,
    `There is no Tenant ${tenant}. A platform administrator makes one: PUT /v1/tenants/${tenant}`,
  );
}

function missing(documents: DocumentSet, key: DocumentKey): ApiError {
  demandTenant(documents, key.tenant);
  const list = documentPath(key.kind, key.tenant, '').slice(0, -1);
  const hint =
    isTenantKind(key.kind) && key.tenant === undefined ? ' Those of a tenant are at /v1/tenants/TENANT/….' : '';
  return new ApiError(404, `There is no ${describeKey(key)}. GET ${list} lists what there is.${hint}`);
}

const dryRunQuery = { dryRun: 'true: say what would happen, change nothing.' };
const ifMatch = { 'if-match': 'ETag that the document must still have; 412 if not.' };
const stored = (kind: Kind) => ({ $ref: `#/components/schemas/Stored${kind}` });
const wanted = (kind: Kind) => ({ $ref: `#/components/schemas/${kind}` });

const references = {
  list: (kind: Kind): RouteReference => ({
    tag: 'documents',
    summary: `Lists ${kind} documents`,
    query: {
      limit: 'Documents on a page.',
      cursor: 'Where the page before ended: its "cursor".',
      label: 'Only documents with these labels: name=value, name!=value, name, !name; may be repeated.',
      ...(kind === 'Route' && {
        host: 'Only routes that requests for this host are tried against, all at once, in the order in which they are tried.',
      }),
    },
    answers: {
      200: {
        description: 'A page. "cursor" is null on the last one.',
        schema: {
          type: 'object',
          required: ['items', 'cursor', 'revision'],
          properties: {
            items: { type: 'array', items: stored(kind) },
            cursor: { type: ['string', 'null'] },
            revision: { type: 'integer' },
          },
        },
      },
    },
  }),
  read: (kind: Kind): RouteReference => ({
    tag: 'documents',
    summary: `Reads a ${kind}`,
    headers: { 'if-none-match': 'ETag that is known already; 304 if it still holds.' },
    answers: { 200: { description: 'The document.', schema: stored(kind) }, 304: { description: 'It is as it was.' } },
  }),
  put: (kind: Kind): RouteReference => ({
    tag: 'documents',
    summary: `Creates or replaces a ${kind}`,
    query: dryRunQuery,
    headers: { ...ifMatch, 'if-none-match': '*: only if there is none yet.' },
    body: { schema: wanted(kind), types: documentTypes },
    answers: {
      200: { description: 'It is replaced, or was so already.', schema: stored(kind) },
      201: { description: 'It is created.', schema: stored(kind) },
    },
  }),
  patch: (kind: Kind): RouteReference => ({
    tag: 'documents',
    summary: `Changes parts of a ${kind} (JSON merge patch, RFC 7396)`,
    query: dryRunQuery,
    headers: ifMatch,
    body: { schema: { type: 'object' }, types: mergePatchTypes },
    answers: { 200: { description: 'It is changed.', schema: stored(kind) } },
  }),
  delete: (kind: Kind): RouteReference => ({
    tag: 'documents',
    summary: `Deletes a ${kind}; 409 while another document names it`,
    query: dryRunQuery,
    headers: ifMatch,
    answers: {
      200: { description: 'It is deleted.', schema: { $ref: '#/components/schemas/Applied' } },
    },
  }),
};
