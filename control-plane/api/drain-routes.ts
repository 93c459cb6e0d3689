/** Nodes that are taken out of service, and put in again. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { NodeView } from '../fleet/fleet.ts';
import { durationRemedy, formatDuration, parseDuration } from '../model/units.ts';
import { documentTypes, readOptionalBody } from './bodies.ts';
import { ApiError, refusal } from './problems.ts';
import { readQuery } from './query.ts';
import { addRoute, identityOf } from './routes.ts';
import type { ApiDependencies } from './server.ts';

/** Of a node whose group is not there any more. */
const fallbackTimeoutMs = 45_000;

export interface DrainView {
  /** ISO 8601, as is the next: when what is still open is cut. */
  readonly since: string;
  readonly deadline: string;
  readonly timeout: string;
  readonly by: string;
  /** That are still open; absent where the node says nothing of them. */
  readonly connections?: number;
}

/** The node, with the drain that was ordered for it. */
export function nodeShown(
  node: NodeView,
  drains: Pick<ApiDependencies['drains'], 'get'>,
): NodeView & { readonly draining?: DrainView } {
  const drain = drains.get(node.id);
  if (drain === undefined) return node;
  const { since, timeoutMs, by } = drain;
  const deadline = new Date(Date.parse(since) + timeoutMs).toISOString();
  const { connections } = node;
  const left = connections === undefined ? {} : { connections };
  return { ...node, draining: { since, deadline, timeout: formatDuration(timeoutMs), by, ...left } };
}

const drainRequest = z.strictObject({
  timeout: z
    .string()
    .optional()
    .describe("A duration such as 45s: what is open then is cut. Default: what stands, or the group's drain.timeout."),
});

export function addDrainRoutes(
  app: FastifyInstance,
  { store, fleet, drains, logger }: Pick<ApiDependencies, 'store' | 'fleet' | 'drains' | 'logger'>,
): void {
  const access = { type: 'capability', capability: 'drain' } as const;
  const tag = 'fleet' as const;

  const find = (request: FastifyRequest): NodeView => {
    const { id } = request.params as { id: string };
    const node = fleet.get(id);
    if (node !== undefined) return node;
    throw new ApiError(404, `No node ${id} has connected. GET /v1/nodes lists those that have.`);
  };
  const defaultMs = ({ id, group }: NodeView): number => {
    const ofGroup = store.documents.get('NodeGroup', undefined, group)?.spec.drain.timeoutMs;
    return drains.get(id)?.timeoutMs ?? ofGroup ?? fallbackTimeoutMs;
  };

  addRoute(
    app,
    'POST',
    '/v1/nodes/:id/drain',
    {
      access,
      reference: {
        tag,
        summary: 'Takes a node out: first no new flows come to it, then it asks its clients to go elsewhere',
        body: { schema: z.toJSONSchema(drainRequest) as Record<string, unknown>, types: documentTypes, optional: true },
        answers: {
          200: {
            description: 'The node. It drains until that is lifted, over restarts of the node and of control planes.',
            schema: { type: 'object' },
          },
        },
      },
    },
    async (request) => {
      readQuery(request.url, []);
      const { timeout } = readOptionalBody(request, drainRequest);
      const node = find(request);
      const timeoutMs = timeout === undefined ? defaultMs(node) : readTimeout(timeout);
      const by = identityOf(request).author;
      await drains.order({ node: node.id, timeoutMs, by });
      logger.info({ event: 'node-drain', node: node.id, timeoutMs, by }, `node ${node.id} shall drain`);
      return nodeShown(node, drains);
    },
  );

  addRoute(
    app,
    'POST',
    '/v1/nodes/:id/undrain',
    {
      access,
      reference: {
        tag,
        summary: 'Puts a node in again, whether it drains, has drained, or is away',
        answers: {
          200: { description: 'The node; of one that is not known any more, its id.', schema: { type: 'object' } },
        },
      },
    },
    async (request) => {
      readQuery(request.url, []);
      const { id } = request.params as { id: string };
      // a drain outlives what is known of a node that is away
      if (drains.get(id) === undefined) find(request);
      const by = identityOf(request).author;
      if (await drains.lift(id)) {
        logger.info({ event: 'node-undrain', node: id, by }, `node ${id} shall drain no longer`);
      }
      const node = fleet.get(id);
      return node === undefined ? { id, connected: false } : nodeShown(node, drains);
    },
  );
}

function readTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms.ok) return ms.value;
  throw refusal([{ pointer: '/timeout', detail: ms.fault.detail, remedy: durationRemedy, code: 'invalid' }]);
}

const text = { type: 'string' } as const;

export const drainingSchema = {
  type: 'object',
  description: 'Of a node that was ordered to drain.',
  required: ['since', 'deadline', 'timeout', 'by'],
  properties: {
    since: { ...text, format: 'date-time' },
    deadline: { ...text, format: 'date-time', description: 'What is open then is cut.' },
    timeout: text,
    by: { ...text, description: 'Who ordered it.' },
    connections: { type: 'integer', description: 'That are still open; absent where the node says nothing of them.' },
  },
} as const;
