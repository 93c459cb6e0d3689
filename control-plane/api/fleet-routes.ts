/** The fleet: nodes, what their groups are served, and how far a revision is on its way to them. */
import type { FastifyInstance } from 'fastify';
import type { NodeView } from '../fleet/fleet.ts';
import type { NodeClusterHealthView } from '../fleet/health-views.ts';
import type { ClusterLoadView } from '../fleet/loads.ts';
import { StoreError } from '../store/store.ts';
import { drainingSchema, nodeShown } from './drain-routes.ts';
import { nodeHealthSchema } from './health-routes.ts';
import { loadsSchema } from './load-routes.ts';
import { ApiError } from './problems.ts';
import { readQuery } from './query.ts';
import { type Rollout, rolloutOf } from './rollout.ts';
import { addRoute, identityOf } from './routes.ts';
import type { ApiDependencies } from './server.ts';

interface NodeReports {
  readonly load?: readonly ClusterLoadView[];
  readonly health?: readonly NodeClusterHealthView[];
}

export function addFleetRoutes(
  app: FastifyInstance,
  {
    store,
    fleet,
    drains,
    publisher,
    servedVersions,
    readiness,
  }: Pick<ApiDependencies, 'store' | 'fleet' | 'drains' | 'publisher' | 'servedVersions' | 'readiness'>,
): void {
  const access = { type: 'capability', capability: 'fleet' } as const;
  const tag = 'fleet' as const;

  /** What is known of a node in memory is shown whether the database answers or not. */
  const reportsOf = async ({ id, group }: NodeView): Promise<NodeReports> => {
    if (!store.healthy()) return {};
    try {
      return { load: await fleet.loads.ofNode(id, group), health: await fleet.healths.ofNode(id, group) };
    } catch (error) {
      if (error instanceof StoreError) return {};
      throw error;
    }
  };

  addRoute(
    app,
    'GET',
    '/v1/nodes',
    {
      access,
      reference: {
        tag,
        summary: 'Lists the nodes that are, or lately were, connected to any replica',
        answers: {
          200: {
            description: 'Nodes by id. `problems`: why this replica is not ready, if it is not.',
            schema: {
              type: 'object',
              required: ['items'],
              properties: {
                items: { type: 'array', items: nodeSchema },
                problems: { type: 'array', items: { type: 'string' } },
              },
            },
          },
        },
      },
    },
    (request) => {
      readQuery(request.url, []);
      const problems = readiness();
      const items = fleet.list().map((node) => nodeShown(node, drains));
      return { items, ...(problems.length > 0 && { problems }) };
    },
  );

  addRoute(
    app,
    'GET',
    '/v1/nodes/:id',
    {
      access,
      reference: {
        tag,
        summary: 'Shows one node: each xDS type, its version and, if it was refused, why',
        answers: {
          200: {
            description: 'The node, with the load and the states of endpoints that it reports.',
            schema: {
              ...nodeSchema,
              properties: {
                ...nodeSchema.properties,
                load: {
                  ...loadsSchema,
                  description: 'Absent while the database, by which replicas share it, is away.',
                },
                health: { ...nodeHealthSchema, description: 'Absent as well then.' },
              },
            },
          },
        },
      },
    },
    async (request) => {
      readQuery(request.url, []);
      const { id } = request.params as { id: string };
      const node = fleet.get(id);
      if (node) return { ...nodeShown(node, drains), ...(await reportsOf(node)) };
      throw new ApiError(404, `No node ${id} has connected. GET /v1/nodes lists those that have.`);
    },
  );

  addRoute(
    app,
    'GET',
    '/v1/rollouts/:revision',
    {
      access: { type: 'capability', capability: 'rollouts' },
      reference: {
        tag,
        summary: 'Shows how far a revision is on its way to the connected nodes',
        answers: {
          200: {
            description: 'Group by group. Reasons of refusals are left out for a tenant: they may name others.',
            schema: { type: 'object' },
          },
        },
      },
    },
    (request) => {
      readQuery(request.url, []);
      const revision = readRevision((request.params as { revision: string }).revision, store.documents.revision);
      const rollout = rolloutOf(revision, { groups: publisher.status(), nodes: fleet.list(), served: servedVersions });
      return identityOf(request).role.type === 'tenant' ? withoutReasons(rollout) : rollout;
    },
  );

  addRoute(
    app,
    'GET',
    '/v1/xds/:group',
    {
      access: { type: 'capability', capability: 'xds' },
      reference: {
        tag,
        summary: 'Shows exactly the Envoy resources that a group is being served, as proto3 JSON',
        answers: { 200: { description: 'Resources by xDS type, in name order.', schema: { type: 'object' } } },
      },
    },
    (request) => {
      readQuery(request.url, []);
      const { group } = request.params as { group: string };
      const served = servedVersions(group);
      const resources = publisher.resourcesOf(group);
      if (served && resources) return { group, revision: served.revision, ...resources };
      const groups = publisher.status().map((status) => status.group);
      const known = groups.length === 0 ? 'There are no node groups yet.' : `Groups: ${groups.join(', ')}.`;
      throw new ApiError(404, `Nothing is served to a group ${group}. ${known}`);
    },
  );
}

function readRevision(text: string, newest: number): number {
  const revision = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (revision >= 0 && revision <= newest) return revision;
  throw new ApiError(404, `There is no revision ${text}. The newest is ${newest}.`);
}

function withoutReasons(rollout: Rollout): Rollout {
  const problems = ['A node refuses what its group is served. The platform team sees why: fairlead status.'];
  const groups = rollout.groups.map((group) => (group.problems.length === 0 ? group : { ...group, problems }));
  return { ...rollout, groups };
}

const text = { type: 'string' } as const;
const nodeSchema = {
  type: 'object',
  required: ['id', 'group', 'connected', 'types'],
  properties: {
    id: text,
    group: text,
    connected: { type: 'boolean' },
    since: { ...text, format: 'date-time' },
    userAgent: text,
    zone: text,
    variant: { enum: ['delta', 'sotw'] },
    peer: text,
    phase: {
      enum: ['initializing', 'live', 'leaving'],
      description: 'What the node says of itself, as the next two; absent where it says nothing.',
    },
    listeners: {
      type: 'array',
      description: 'Those that are bound.',
      items: {
        type: 'object',
        required: ['name', 'address', 'port', 'udp'],
        properties: { name: text, address: text, port: { type: 'integer' }, udp: { type: 'boolean' } },
      },
    },
    connections: { type: 'integer', description: 'Of clients, and UDP sessions, that are open.' },
    draining: drainingSchema,
    types: {
      type: 'object',
      description: 'By xDS type: listeners, routes, clusters, endpoints.',
      additionalProperties: {
        type: 'object',
        required: ['state'],
        properties: {
          state: {
            enum: ['synced', 'stale', 'nack', 'unknown'],
            description: 'unknown: the node does not ask for it.',
          },
          version: text,
          acknowledgedVersion: text,
          sentVersion: { ...text, description: 'Of the newest response; absent before the first.' },
          error: { ...text, description: 'Why the node refuses it, in its own words.' },
          since: { ...text, format: 'date-time' },
        },
      },
    },
  },
} as const;
