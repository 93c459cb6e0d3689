/** The API reference: an OpenAPI 3.1 document made from the routes themselves, and its reader at /docs. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { kinds } from '../model/document.ts';
import { jsonSchemas } from '../model/json-schemas.ts';
import type { Access } from './access.ts';
import type { JsonSchema, RegisteredRoute } from './routes.ts';

/** What reading the reference asks of a token. */
export const referenceAccess: Access = { type: 'capability', capability: 'reference' };

/** Paths of the reader and of the document behind it. */
export function isReferencePath(path: string): boolean {
  return path === '/docs' || path.startsWith('/docs/');
}

export async function addReference(
  app: FastifyInstance,
  routes: readonly RegisteredRoute[],
  version: string,
): Promise<void> {
  const document = openApiDocument(routes, version);
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // The API speaks plain HTTP here; a browser told to upgrade would find nothing.
    transformStaticCSP: (header) => header.replace('upgrade-insecure-requests;', ''),
    uiConfig: { persistAuthorization: false, deepLinking: true, displayRequestDuration: true },
    theme: { title: 'Fairlead API' },
  });
}

/** A pure function of the routes: everything that has a `reference` is in it. */
export function openApiDocument(routes: readonly RegisteredRoute[], version: string): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    if (route.reference === null) continue;
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route, path);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Fairlead control plane',
      version,
      description:
        'Documents in, Envoy xDS out. Every path but /healthz and /readyz needs a token: `Authorization: Bearer …`. ' +
        'Refusals are RFC 9457 problem documents: 400 for a body that cannot be read, 422 for documents that are not valid, ' +
        '409 where they clash with others.',
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'documents', description: 'One document at a time' },
      { name: 'apply', description: 'Many documents, one transaction' },
      { name: 'fleet', description: 'Nodes and what they are served' },
      { name: 'tokens', description: 'Who may do what' },
      { name: 'service', description: 'This replica itself' },
    ],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'fairlead token create --role ROLE' } },
      schemas: componentSchemas(),
      responses: {
        Problem: {
          description: 'Refused; the body says why and what to do.',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  };
}

function operation(route: RegisteredRoute, path: string): JsonSchema {
  const { summary, tag, query = {}, headers = {}, body, answers } = route.reference!;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return {
    operationId: `${route.method.toLowerCase()}${path.replaceAll(/[/{}.-]+(\w?)/g, (_, first: string) => first.toUpperCase())}`,
    summary,
    tags: [tag],
    security: route.access.type === 'public' ? [] : [{ token: [] }],
    parameters: [
      ...inPath.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...Object.entries(query).map(([name, description]) => ({
        name,
        in: 'query',
        description,
        schema: { type: 'string' },
      })),
      ...Object.entries({ ...headers, ...(route.method === 'POST' && idempotency) }).map(([name, description]) => ({
        name,
        in: 'header',
        description,
        schema: { type: 'string' },
      })),
    ],
    ...(body && {
      requestBody: {
        required: body.optional !== true,
        content: Object.fromEntries(body.types.map((type) => [type, { schema: body.schema }])),
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, schema }]) => [
          status,
          { description, ...(schema && { content: { 'application/json': { schema } } }) },
        ]),
      ),
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

const idempotency = {
  'idempotency-key': 'The same key and request again gets the answer of the first time, from the replica that gave it.',
};

/** Every kind as it is written, as it is read back, and the shapes around them. */
function componentSchemas(): Record<string, JsonSchema> {
  const schemas: Record<string, JsonSchema> = {};
  const written = jsonSchemas();
  for (const kind of kinds) {
    schemas[kind] = { ...written[kind] };
    schemas[`Stored${kind}`] = {
      allOf: [{ $ref: `#/components/schemas/${kind}` }, { $ref: '#/components/schemas/Stored' }],
    };
  }
  return { ...schemas, ...sharedSchemas };
}

const text = { type: 'string' } as const;
const revision = { type: 'integer', minimum: 0 } as const;

const percentText = { ...text, examples: ['12.3%'] };

const endpointLoad = {
  type: 'object',
  required: ['endpoint', 'load'],
  properties: { endpoint: text, load: { ...percentText, description: 'Of the share that its weight says.' } },
};

const clusterPreview = {
  type: 'object',
  required: ['cluster', 'panic'],
  properties: {
    cluster: text,
    tenant: text,
    movedKeys: { ...percentText, description: 'Keys that go to another endpoint; where a hashing policy stays one.' },
    skew: {
      type: 'object',
      description: 'Of hashing policies.',
      properties: { most: endpointLoad, least: endpointLoad },
    },
    tablesLeftOut: { type: 'boolean', description: 'The tables of this request are too large for a preview of keys.' },
    panic: {
      type: 'object',
      required: ['threshold', 'crosses', 'priorities'],
      properties: {
        threshold: percentText,
        crosses: { type: 'boolean', description: 'The change itself puts a priority into panic.' },
        priorities: {
          type: 'array',
          items: {
            type: 'object',
            required: ['priority', 'endpoints', 'well', 'inPanic', 'mayFail'],
            properties: {
              priority: { type: 'integer' },
              endpoints: { type: 'integer', description: 'Disabled ones are not counted.' },
              well: { type: 'integer', description: 'Draining ones are not.' },
              inPanic: { type: 'boolean' },
              mayFail: {
                type: 'object',
                description: 'Of the well ones, until the priority is in panic.',
                properties: { before: { type: 'integer' }, after: { type: 'integer' } },
              },
            },
          },
        },
      },
    },
  },
} as const;

const sharedSchemas: Record<string, JsonSchema> = {
  Stored: {
    type: 'object',
    description: 'What the server adds to a document.',
    properties: {
      revision: { ...revision, description: 'Revision of the last change; also the ETag.' },
      createdAt: { ...text, format: 'date-time' },
      updatedAt: { ...text, format: 'date-time' },
      updatedBy: text,
      set: { ...text, description: 'The apply set that brought it.' },
      status: { type: 'object' },
    },
  },
  AppliedChange: {
    type: 'object',
    required: ['kind', 'name', 'action', 'diff'],
    properties: {
      kind: { enum: kinds },
      tenant: text,
      name: text,
      action: { enum: ['created', 'updated', 'deleted', 'unchanged'] },
      diff: { type: 'array', items: { type: 'object' } },
    },
  },
  Applied: {
    type: 'object',
    required: ['revision', 'changes', 'findings'],
    properties: {
      revision: { ...revision, description: 'The revision that shows the changes; of a dry run, the current one.' },
      dryRun: { type: 'boolean' },
      changes: { type: 'array', items: { $ref: '#/components/schemas/AppliedChange' } },
      findings: { type: 'array', items: { type: 'object' } },
      preview: {
        type: 'array',
        description: 'Of a dry run: what it would do to those who use the clusters that it changes or makes.',
        items: { $ref: '#/components/schemas/ClusterPreview' },
      },
    },
  },
  ClusterPreview: clusterPreview,
  Problem: {
    type: 'object',
    description: 'RFC 9457.',
    required: ['type', 'title', 'status', 'detail', 'instance'],
    properties: {
      type: text,
      title: text,
      status: { type: 'integer' },
      detail: { ...text, description: 'What happened, and what to do about it.' },
      instance: { ...text, description: 'The request, as the log names it.' },
      problems: {
        type: 'array',
        items: {
          type: 'object',
          required: ['pointer', 'detail', 'remedy', 'code'],
          properties: {
            pointer: {
              ...text,
              description: 'JSON pointer into the body; of an apply, it starts with the index of the document.',
            },
            detail: text,
            remedy: text,
            code: text,
            document: { type: 'object', properties: { kind: text, tenant: text, name: text } },
            index: { type: 'integer', minimum: 0 },
          },
        },
      },
    },
  },
};
