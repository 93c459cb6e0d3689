/** Tokens: the secret is shown once, when it is made. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { TokenRecord, TokenStore } from '../store/store.ts';
import type { Identity } from './authenticate.ts';
import { documentTypes, readSmallBody } from './bodies.ts';
import { ApiError, refusal } from './problems.ts';
import { readQuery } from './query.ts';
import { formatRole, mayIssue, parseRole, type Role, roleForms } from './roles.ts';
import { addRoute, identityOf } from './routes.ts';
import type { ApiDependencies } from './server.ts';
import { hashSecret, newSecret } from './token-secret.ts';

const longestMs = 90 * 24 * 3_600_000;

const tokenRequest = z.strictObject({
  role: z.string().describe(`One of: ${roleForms}.`),
  name: z.string().max(128).optional().describe('What it is for, for people.'),
  expiresIn: z.string().optional().describe('A duration such as 12h or 30d; at most, and by default, 2160h (90 days).'),
});

export interface IssuedToken {
  /** Shown once. */
  readonly token: string;
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly expiresAt: string;
}

/** Makes a token and stores its hash. */
export async function issueToken(
  tokens: TokenStore,
  request: { role: Role; name: string; lifeMs: number; createdBy: string; nowMs: number },
): Promise<IssuedToken> {
  const secret = newSecret();
  const expiresAt = new Date(request.nowMs + request.lifeMs).toISOString();
  const record = await tokens.create({
    id: randomUUID(),
    name: request.name,
    role: formatRole(request.role),
    hash: hashSecret(secret),
    expiresAt,
    createdBy: request.createdBy,
  });
  return { token: secret, id: record.id, name: record.name, role: record.role, expiresAt };
}

export function addTokenRoutes(app: FastifyInstance, { store, authenticator, now }: ApiDependencies): void {
  const access = { type: 'capability', capability: 'tokens' } as const;
  const tag = 'tokens' as const;

  addRoute(
    app,
    'POST',
    '/v1/tokens',
    {
      access,
      reference: {
        tag,
        summary: 'Makes a token; its secret is in the answer and never shown again',
        body: { schema: z.toJSONSchema(tokenRequest) as Record<string, unknown>, types: documentTypes },
        answers: { 201: { description: 'The token.', schema: issuedSchema } },
      },
    },
    async (request, reply) => {
      readQuery(request.url, []);
      const asked = readSmallBody(request, tokenRequest);
      const identity = identityOf(request);
      const role = readRole(asked.role, identity);
      const lifeMs = readLife(asked.expiresIn);
      const issued = await issueToken(store.tokens, {
        role,
        name: asked.name ?? '',
        lifeMs,
        createdBy: identity.author,
        nowMs: now(),
      });
      return reply.code(201).header('location', `/v1/tokens/${issued.id}`).send(issued);
    },
  );

  addRoute(
    app,
    'GET',
    '/v1/tokens',
    {
      access,
      reference: {
        tag,
        summary: 'Lists the tokens, without their secrets',
        answers: { 200: { description: 'All tokens that were not revoked.', schema: { type: 'object' } } },
      },
    },
    async (request) => {
      readQuery(request.url, []);
      const records = await store.tokens.list();
      return { items: records.map((record) => present(record, now())) };
    },
  );

  addRoute(
    app,
    'GET',
    '/v1/tokens/:id',
    {
      access,
      reference: {
        tag,
        summary: 'Shows a token, without its secret',
        answers: { 200: { description: 'The token.', schema: { type: 'object' } } },
      },
    },
    async (request) => {
      readQuery(request.url, []);
      return present(await findToken(store.tokens, request), now());
    },
  );

  addRoute(
    app,
    'DELETE',
    '/v1/tokens/:id',
    {
      access,
      reference: {
        tag,
        summary: 'Revokes a token; every replica refuses it within two seconds',
        answers: { 204: { description: 'It is revoked.' } },
      },
    },
    async (request, reply) => {
      readQuery(request.url, []);
      const { id, role } = await findToken(store.tokens, request);
      demandIssuer(identityOf(request), role);
      if (!(await store.tokens.revoke(id))) throw noToken(id);
      authenticator.forget(id);
      return reply.code(204).send();
    },
  );
}

async function findToken(tokens: TokenStore, request: FastifyRequest): Promise<TokenRecord> {
  const { id } = request.params as { id: string };
  const record = (await tokens.list()).find((candidate) => candidate.id === id);
  if (record) return record;
  throw noToken(id);
}

function noToken(id: string): ApiError {
  return new ApiError(404, `There is no token ${id}. GET /v1/tokens lists them.`);
}

function present(record: TokenRecord, nowMs: number): TokenRecord & { expired: boolean } {
  return { ...record, expired: record.expiresAt !== null && Date.parse(record.expiresAt) <= nowMs };
}

function readRole(text: string, identity: Identity): Role {
  const role = parseRole(text);
  if (!role) {
    const detail = `There is no role "${text}".`;
    throw refusal([{ pointer: '/role', detail, remedy: `Write one of: ${roleForms}.`, code: 'invalid' }]);
  }
  demandIssuer(identity, text);
  return role;
}

/** Nobody makes or revokes a token that is stronger than the own one. */
function demandIssuer(identity: Identity, roleText: string): void {
  const role = parseRole(roleText);
  if (role && mayIssue(identity.role, role)) return;
  throw new ApiError(
    403,
    `A token of role ${roleText} needs the role admin; this token has ${formatRole(identity.role)}.`,
  );
}

const lifeForm = /^(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,10})s)?$/;

/** `90d`, `720h`, `1h30m` in milliseconds: the documents' durations end at 24 days, a token may live longer. */
function readLife(text: string | undefined): number {
  if (text === undefined) return longestMs;
  const match = text === '' ? null : lifeForm.exec(text);
  const [days, hours, minutes, seconds] = (match ?? []).slice(1).map((digits) => Number(digits ?? 0));
  const lifeMs = match ? (((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds!) * 1_000 : 0;
  if (lifeMs > 0 && lifeMs <= longestMs) return lifeMs;
  const detail = `A token cannot live for ${JSON.stringify(text)}.`;
  const remedy = 'Write a duration such as 30s, 12h or 30d, up to 2160h (90 days).';
  throw refusal([{ pointer: '/expiresIn', detail, remedy, code: 'invalid' }]);
}

const issuedSchema = {
  type: 'object',
  required: ['token', 'id', 'name', 'role', 'expiresAt'],
  properties: {
    token: { type: 'string', description: 'The secret.' },
    id: { type: 'string' },
    name: { type: 'string' },
    role: { type: 'string' },
    expiresAt: { type: 'string', format: 'date-time' },
  },
};
