/**
 * `Idempotency-Key` on POST: a request that is sent again because its answer was lost gets that answer, and does nothing
 * twice. Kept in memory, so it holds for as long as this replica runs and for requests that reach this replica.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './problems.ts';
import { identityOf, type RawBody } from './routes.ts';

export interface IdempotencyOptions {
  readonly now: () => number;
  /** Answers kept; the oldest makes room. */
  readonly capacity: number;
  /** How long an answer is kept. */
  readonly keepMs: number;
}

interface Kept {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
}

interface Entry {
  /** Of what was asked: one key stands for one request. */
  readonly fingerprint: string;
  readonly atMs: number;
  /** Undefined if the request was refused: then it may be tried again. */
  readonly answer: Promise<Kept | undefined>;
  readonly settle: (answer: Kept | undefined) => void;
}

const keptHeaders = ['content-type', 'location', 'etag'];

export function honourIdempotencyKeys(app: FastifyInstance, { now, capacity, keepMs }: IdempotencyOptions): void {
  /** By token and key, oldest first. */
  const entries = new Map<string, Entry>();
  const owned = new WeakMap<FastifyRequest, { readonly id: string; readonly entry: Entry }>();

  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (key === undefined || request.method !== 'POST') return;
    if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw new ApiError(400, 'The Idempotency-Key must be 1 to 255 printable characters without spaces, given once.');
    }
    const id = `${identityOf(request).id} ${key}`;
    const fingerprint = fingerprintOf(request);
    for (;;) {
      const entry = entries.get(id);
      if (!entry || now() - entry.atMs > keepMs) break;
      if (entry.fingerprint !== fingerprint) {
        throw new ApiError(
          422,
          'This Idempotency-Key came with another request before. Use a new key for a new request.',
        );
      }
      const kept = await entry.answer;
      if (kept) {
        return reply
          .code(kept.status)
          .headers({ ...kept.headers, 'idempotency-replayed': 'true' })
          .send(kept.payload);
      }
    }
    const entry = newEntry(fingerprint, now());
    entries.delete(id);
    if (entries.size >= capacity) entries.delete(entries.keys().next().value!);
    entries.set(id, entry);
    owned.set(request, { id, entry });
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const own = owned.get(request);
    if (!own) return payload;
    owned.delete(request);
    if (reply.statusCode < 300 && typeof payload === 'string') {
      const headers = keptHeaders.flatMap((name) =>
        reply.hasHeader(name) ? [[name, String(reply.getHeader(name))]] : [],
      );
      own.entry.settle({ status: reply.statusCode, headers: Object.fromEntries(headers), payload });
    } else {
      if (entries.get(own.id) === own.entry) entries.delete(own.id);
      own.entry.settle(undefined);
    }
    return payload;
  });
}

function newEntry(fingerprint: string, atMs: number): Entry {
  const { promise, resolve } = Promise.withResolvers<Kept | undefined>();
  return { fingerprint, atMs, answer: promise, settle: resolve };
}

function fingerprintOf(request: FastifyRequest): string {
  const body = request.body as RawBody | undefined;
  return createHash('sha256')
    .update(`${request.url}\n${body?.type ?? ''}\n${body?.text ?? ''}`)
    .digest('base64');
}
