/** The states of endpoints that nodes report, by cluster: everyone sees the clusters that they may read. */
import type { FastifyInstance } from 'fastify';
import { unwellOf } from '../fleet/health-views.ts';
import { readQuery } from './query.ts';
import { mayRead } from './roles.ts';
import { addRoute, identityOf } from './routes.ts';
import type { ApiDependencies } from './server.ts';

export function addHealthRoutes(app: FastifyInstance, { fleet }: Pick<ApiDependencies, 'fleet'>): void {
  addRoute(
    app,
    'GET',
    '/v1/health',
    {
      access: { type: 'documents', action: 'list', kind: 'Cluster' },
      reference: {
        tag: 'fleet',
        summary: 'Shows which endpoints are not healthy, of every cluster that the token may read, as nodes see them',
        answers: {
          200: {
            description: 'Clusters that nodes report, by name, with those of their endpoints that are not healthy.',
            schema: {
              type: 'object',
              required: ['items'],
              properties: {
                items: {
                  type: 'array',
                  items: {
                    type: 'object',
                    required: ['name', 'nodes', 'endpoints'],
                    properties: {
                      tenant: { ...text, description: 'Absent for a cluster of the platform.' },
                      name: text,
                      nodes: { ...count, description: 'That report the cluster.' },
                      endpoints: { type: 'array', items: endpointStatesSchema },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
    async (request) => {
      readQuery(request.url, []);
      const { role } = identityOf(request);
      const clusters = await fleet.healths.list();
      const readable = clusters.filter(({ tenant, name }) => mayRead(role, 'Cluster', tenant, name));
      return { items: readable.map((cluster) => ({ ...cluster, endpoints: unwellOf(cluster) })) };
    },
  );
}

const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const since = { ...text, format: 'date-time' } as const;
const state = {
  enum: [
    ...['disabled', 'joining', 'unhealthy', 'ejected', 'draining', 'degraded', 'probation', 'slow-start', 'healthy'],
  ],
} as const;

const endpointStatesSchema = {
  type: 'object',
  required: ['endpoint', 'states'],
  properties: {
    endpoint: { ...text, description: 'ip:port' },
    states: {
      type: 'object',
      description: 'By state: how many nodes see it so, since when the first of them, and what one of them says why.',
      propertyNames: state,
      additionalProperties: {
        type: 'object',
        required: ['nodes', 'since'],
        properties: { nodes: count, since, reason: text },
      },
    },
  },
} as const;

/** What one node reports. */
export const nodeHealthSchema = {
  type: 'array',
  items: {
    type: 'object',
    required: ['name', 'endpoints'],
    properties: {
      tenant: { ...text, description: 'Absent for a cluster of the platform.' },
      name: text,
      endpoints: {
        type: 'array',
        items: {
          type: 'object',
          required: ['endpoint', 'state', 'since'],
          properties: { endpoint: text, state, since, reason: text },
        },
      },
    },
  },
} as const;
