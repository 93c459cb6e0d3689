/** The load that nodes report, by cluster and locality: everyone sees the clusters that they may read. */
import type { FastifyInstance } from 'fastify';
import { describeKey } from '../model/document.ts';
import { ApiError } from './problems.ts';
import { readQuery } from './query.ts';
import { mayRead } from './roles.ts';
import { addRoute, identityOf, pathParameters } from './routes.ts';
import type { ApiDependencies } from './server.ts';

const kind = 'Cluster' as const;
const tag = 'fleet' as const;

export function addLoadRoutes(app: FastifyInstance, { store, fleet }: Pick<ApiDependencies, 'store' | 'fleet'>): void {
  addRoute(
    app,
    'GET',
    '/v1/load',
    {
      access: { type: 'documents', action: 'list', kind },
      reference: {
        tag,
        summary: 'Shows the load of every cluster that the token may read, as nodes report it to any replica',
        answers: {
          200: {
            description: 'By the names of the clusters.',
            schema: {
              type: 'object',
              properties: {
                items: loadsSchema,
                leftOut: {
                  ...count,
                  description: 'Nodes, clusters and localities of reports beyond what is remembered.',
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
      const { items, leftOut } = await fleet.loads.list();
      return { items: items.filter(({ tenant, name }) => mayRead(role, kind, tenant, name)), leftOut };
    },
  );

  for (const path of ['/v1/clusters/:name/load', '/v1/tenants/:tenant/clusters/:name/load']) {
    addRoute(
      app,
      'GET',
      path,
      {
        access: { type: 'documents', action: 'read', kind },
        reference: {
          tag,
          summary: 'Shows the load of one cluster, as nodes report it to any replica',
          answers: { 200: { description: 'Nothing counted, if no node reports it.', schema: loadSchema } },
        },
      },
      (request) => {
        readQuery(request.url, []);
        const { tenant, name = '' } = pathParameters(request);
        if (store.documents.get(kind, tenant, name)) return fleet.loads.ofCluster(tenant, name);
        const missing = describeKey({ kind, tenant, name });
        throw new ApiError(404, `There is no ${missing}. GET /v1/load lists the clusters that nodes report.`);
      },
    );
  }
}

const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const counts = {
  issued: {
    ...count,
    description: 'Requests (TCP: connections) sent to endpoints since the first report of each node.',
  },
  successful: count,
  errors: count,
  inProgress: { ...count, description: 'In the newest report of each node.' },
} as const;

const loadSchema = {
  type: 'object',
  required: ['name', 'nodes', 'issued', 'successful', 'errors', 'inProgress', 'dropped', 'localities'],
  properties: {
    tenant: { ...text, description: 'Absent for a cluster of the platform.' },
    name: text,
    nodes: { ...count, description: 'That report the cluster, and were heard of within three intervals.' },
    ...counts,
    dropped: count,
    localities: {
      type: 'array',
      items: { type: 'object', properties: { region: text, zone: text, subZone: text, ...counts } },
    },
  },
} as const;

export const loadsSchema = { type: 'array', items: loadSchema } as const;
