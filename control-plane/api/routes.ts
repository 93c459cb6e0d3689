/** What a route says of itself besides its handler: who may call it, and how the API reference shows it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Access, PathParameters } from './access.ts';
import type { Identity } from './authenticate.ts';

export interface RouteReference {
  readonly summary: string;
  readonly tag: 'documents' | 'apply' | 'fleet' | 'tokens' | 'service';
  /** Query parameters: name to sentence. */
  readonly query?: Readonly<Record<string, string>>;
  /** Request headers: name to sentence. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly schema: JsonSchema; readonly types: readonly string[]; readonly optional?: true };
  /** Good answers by status. Refusals are the same everywhere. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema?: JsonSchema }>>;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface RouteConfig {
  readonly access: Access;
  readonly reference: RouteReference | null;
}

/** One route as it was registered. */
export interface RegisteredRoute extends RouteConfig {
  readonly method: string;
  /** With `:parameters`. */
  readonly url: string;
}

/** A body as it came, before the model reads it. */
export interface RawBody {
  readonly text: string;
  readonly type: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    reference?: RouteReference | null;
  }
  interface FastifyRequest {
    /** Set before any handler of a route that is not public runs. */
    identity: Identity | null;
  }
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

export type Method = 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

/** Registers one route. */
export function addRoute(
  app: FastifyInstance,
  method: Method,
  url: string,
  config: RouteConfig & { readonly bodyLimit?: number },
  handler: Handler,
): void {
  const { access, reference, bodyLimit } = config;
  app.route({ method, url, config: { access, reference }, ...(bodyLimit !== undefined && { bodyLimit }), handler });
}

/** Who asks. Only for routes that are not public. */
export function identityOf(request: FastifyRequest): Identity {
  if (!request.identity) throw new Error(`${request.method} ${request.routeOptions.url} runs without an identity`);
  return request.identity;
}

export function pathParameters(request: FastifyRequest): PathParameters {
  const { tenant, name } = request.params as { tenant?: string; name?: string };
  return { tenant, name };
}
