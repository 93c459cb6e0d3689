/** Bodies: which types are understood, and that nothing is parsed before its size and depth are known. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parse } from 'yaml';
import type { z } from 'zod';
import type { Problem } from '../model/document.ts';
import { pointerOf } from '../model/problems.ts';
import { ApiError, refusal } from './problems.ts';
import type { RawBody } from './routes.ts';

export const documentTypes = ['application/json', 'application/yaml'] as const;
export const mergePatchTypes = ['application/merge-patch+json', 'application/json'] as const;

/** Spellings of the same types, from before RFC 9512 registered application/yaml. */
const understood = [
  ...documentTypes,
  'application/merge-patch+json',
  'application/x-yaml',
  'text/yaml',
  'text/x-yaml',
  'application/vnd.yaml',
];

/** Every body reaches its route as text; the model reads it, so that each fault has its pointer. */
export function acceptBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(understood, { parseAs: 'string' }, (request, text, done) => {
    const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
    done(null, { text: typeof text === 'string' ? text : text.toString('utf8'), type } satisfies RawBody);
  });
}

export const unsupportedTypeDetail = `The body's content type is not one of ${understood.slice(0, 3).join(', ')}. Send for example: -H 'content-type: application/yaml'`;

/** The body of a request that must have one. */
export function bodyOf(request: FastifyRequest): RawBody {
  const body = request.body as RawBody | undefined;
  if (body === undefined || body === null || body.text.trim() === '') {
    throw new ApiError(400, 'The request has no body. Send the document as JSON or YAML, with its content type.');
  }
  return body;
}

/** A small body in JSON or YAML that is not a document. Throws a 400 or 422 that names every fault. */
export function readSmallBody<T extends z.ZodType>(request: FastifyRequest, schema: T): z.infer<T> {
  return readSmall(bodyOf(request).text, schema);
}

/** The same; no body is an object without fields. */
export function readOptionalBody<T extends z.ZodType>(request: FastifyRequest, schema: T): z.infer<T> {
  const text = (request.body as RawBody | null | undefined)?.text ?? '';
  return readSmall(text.trim() === '' ? '{}' : text, schema);
}

function readSmall<T extends z.ZodType>(text: string, schema: T): z.infer<T> {
  const parsed = schema.safeParse(parseSmall(text));
  if (parsed.success) return parsed.data;
  throw refusal(parsed.error.issues.map(problemOf));
}

function parseSmall(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (error) {
    const detail = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    throw new ApiError(400, `The body is neither JSON nor YAML: ${detail}`);
  }
}

function problemOf(issue: z.core.$ZodIssue): Problem {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'unrecognized_keys') {
    return {
      pointer: pointerOf([...path, issue.keys[0]!]),
      detail: `There is no field ${issue.keys.map((key) => `"${key}"`).join(', ')} here.`,
      remedy: 'Take it out.',
      code: 'unknown-field',
    };
  }
  return {
    pointer: pointerOf(path),
    detail: `${issue.message}.`,
    remedy: 'See the request at /docs.',
    code: 'invalid',
  };
}
