/** POST /v1/apply: many documents, one transaction, one revision. */
import type { FastifyInstance } from 'fastify';
import { type DocumentKey, describeKey, keyId, type Problem } from '../model/document.ts';
import type { Store } from '../store/store.ts';
import type { Identity } from './authenticate.ts';
import { bodyOf, documentTypes } from './bodies.ts';
import { duplicates, type Plan } from './plan.ts';
import { ApiError, refusal } from './problems.ts';
import { readFlag, readOne, readQuery } from './query.ts';
import { atIndex, readDocuments, readKeys } from './read-documents.ts';
import { formatRole, mayWrite, type Role, rolesThat } from './roles.ts';
import { addRoute, identityOf, type RawBody } from './routes.ts';
import type { ApiDependencies } from './server.ts';
import { type Applied, type WriteOptions, writeDocuments } from './write.ts';

export function addApplyRoute(
  app: FastifyInstance,
  {
    store,
    fleet: { healths },
    placements,
    limits,
    now,
  }: Pick<ApiDependencies, 'store' | 'fleet' | 'placements' | 'limits' | 'now'>,
): void {
  addRoute(
    app,
    'POST',
    '/v1/apply',
    {
      access: { type: 'capability', capability: 'apply' },
      bodyLimit: limits.applyBytes,
      reference: {
        tag: 'apply',
        summary: 'Applies documents: one transaction, one revision; their order does not matter',
        query: {
          dryRun: 'true: say what would happen, change nothing.',
          prune: 'true: remove what an earlier apply of the same set brought and this one no longer holds.',
          set: 'Name of the set; default: default. The sets of a tenant are its own.',
          delete: 'true: remove the documents that the body names instead; not together with prune and set.',
        },
        body: { schema: { type: 'array', items: { type: 'object' } }, types: documentTypes },
        answers: {
          200: { description: 'What became of each document.', schema: { $ref: '#/components/schemas/Applied' } },
        },
      },
    },
    async (request) => {
      const query = readQuery(request.url, ['dryRun', 'prune', 'set', 'delete']);
      const dryRun = readFlag(query, 'dryRun');
      const identity = identityOf(request);
      const how = { dryRun, now, healths, placements };
      if (!readFlag(query, 'delete')) {
        const set = scopedSet(identity.role, readOne(query, 'set') ?? 'default');
        return apply(store, identity, bodyOf(request), { ...how, set, prune: readFlag(query, 'prune') });
      }
      if ('prune' in query || 'set' in query) {
        throw new ApiError(400, 'delete=true takes away what the body names; leave prune and set out.');
      }
      return remove(store, identity, bodyOf(request), how);
    },
  );
}

type How = Pick<WriteOptions, 'dryRun' | 'now' | 'healths' | 'placements'>;

/** Puts what the body holds; with `prune`, also removes what the set brought before and does not hold now. */
function apply(
  store: Store,
  identity: Identity,
  body: RawBody,
  { set, prune, ...how }: { set: string; prune: boolean } & How,
): Promise<Applied> {
  const documents = readDocuments(body);
  if (documents.length === 0 && !prune) {
    throw new ApiError(400, 'The body holds no document. Send at least one, or prune=true to empty the set.');
  }
  const repeated = duplicates(documents);
  if (repeated.length > 0) throw refusal(repeated.map(atIndex));
  demandWriter(identity.role, documents, 'Applying');
  const check = (_: unknown, { changes, problems }: Plan) => {
    const removed = changes.filter((change) => change.document === null).map((change) => change.key);
    demandWriter(identity.role, removed, 'Pruning');
    if (problems.length > 0) throw refusal(withPlaces(problems, documents));
  };
  return writeDocuments(store, identity, () => ({ put: documents, remove: [], set, prune }), { ...how, check });
}

/** Removes what the body names; what is not there stays so. */
function remove(store: Store, identity: Identity, body: RawBody, how: How): Promise<Applied> {
  const keys = readKeys(body);
  demandWriter(identity.role, keys, 'Deleting');
  const check = (_: unknown, { problems }: Plan) => {
    if (problems.length > 0) throw refusal(withPlaces(problems, keys));
  };
  return writeDocuments(store, identity, () => ({ put: [], remove: keys }), { ...how, check });
}

const setName = /^[a-z0-9-]{1,63}$/;

/** Sets of different owners never meet, whatever they are called: one may prune only what the own side brought. */
function scopedSet(role: Role, name: string): string {
  if (!setName.test(name)) {
    throw new ApiError(400, `The set "${name}" cannot be. Write 1 to 63 lower-case letters, digits or hyphens.`);
  }
  if (role.type === 'tenant') return `tenants/${role.tenant}/${name}`;
  return role.type === 'network' ? `network/${name}` : name;
}

function demandWriter(role: Role, keys: readonly DocumentKey[], verb: string): void {
  const [first, ...more] = keys.filter((key) => !mayWrite(role, key.kind, key.tenant));
  if (!first) return;
  const needed = rolesThat((candidate) => mayWrite(candidate, first.kind, first.tenant), first.tenant);
  const others = more.length === 0 ? '' : ` (and ${more.length} more documents)`;
  throw new ApiError(
    403,
    `${verb} ${describeKey(first)}${others} needs one of the roles ${needed}; this token has ${formatRole(role)}. Nothing was written.`,
  );
}

/** Problems of documents that came with the request get their place in it. */
function withPlaces(problems: readonly Problem[], documents: readonly DocumentKey[]): Problem[] {
  const places = new Map(documents.map((document, index) => [keyId(document), index]));
  return problems.map((problem) => {
    const index = problem.index ?? (problem.document && places.get(keyId(problem.document)));
    return index === undefined ? problem : atIndex({ ...problem, index });
  });
}
