/** POST /v3/discovery:TYPE: xDS by single requests, for nodes that hold no stream. Envoy's paths, bodies and statuses. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { bodyOf } from './bodies.ts';
import { ApiError } from './problems.ts';
import { readQuery } from './query.ts';
import { formatRole, type Role } from './roles.ts';
import { addRoute, identityOf, type RawBody } from './routes.ts';
import type { ApiDependencies } from './server.ts';

const names = z.array(z.string());

/** A DiscoveryRequest in proto3 JSON, whose readers take either spelling and leave aside what they do not need. */
const discoveryRequest = z.object({
  node: z.object({ cluster: z.string().optional() }).optional(),
  version_info: z.string().optional(),
  versionInfo: z.string().optional(),
  resource_names: names.optional(),
  resourceNames: names.optional(),
  type_url: z.string().optional(),
  typeUrl: z.string().optional(),
});

type DiscoveryRequest = z.infer<typeof discoveryRequest>;

/** Throws a 400 or 404 or 403; 500 where there is nothing to answer with, as other servers do. */
export async function addDiscoveryRoute(
  app: FastifyInstance,
  { discovery, limits }: Pick<ApiDependencies, 'discovery' | 'limits'>,
): Promise<void> {
  // in a scope of its own: a body of any content type is looked at, and refused for what is in it
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
      done(null, { text: String(text), type: 'application/json' } satisfies RawBody);
    });
    addRoute(
      scope,
      'POST',
      '/v3/:discovery',
      {
        access: { type: 'capability', capability: 'discovery' },
        bodyLimit: limits.applyBytes,
        reference: {
          tag: 'fleet',
          summary: `xDS by single requests: ${[...discovery.paths.keys()].join(', ')}`,
          body: {
            schema: { type: 'object', description: 'envoy.service.discovery.v3.DiscoveryRequest' },
            types: ['application/json'],
          },
          answers: {
            200: { description: 'envoy.service.discovery.v3.DiscoveryResponse.', schema: { type: 'object' } },
            304: { description: 'The version of the request is the current one.' },
          },
        },
      },
      (request, reply) => {
        readQuery(request.url, []);
        const path = (request.params as { discovery: string }).discovery;
        const typeUrl = discovery.paths.get(path);
        if (typeUrl === undefined) {
          const known = [...discovery.paths.keys()].map((one) => `/v3/${one}`).join(', ');
          throw new ApiError(404, `There is no /v3/${path} here. Known: ${known}.`);
        }
        const body = readRequest(request, typeUrl);
        const group = groupOf(identityOf(request).role, body.node?.cluster);
        const answer = discovery.answer(path, {
          group,
          names: body.resource_names ?? body.resourceNames ?? [],
          version: body.version_info ?? body.versionInfo ?? '',
        });
        switch (answer.kind) {
          case 'current':
            return reply.code(304).send();
          case 'no-data':
            throw new ApiError(
              500,
              `Nothing is served to a group ${group}. Create the NodeGroup, or correct node.cluster.`,
            );
          case 'resources':
            return { version_info: answer.version, resources: answer.resources, type_url: typeUrl };
        }
      },
    );
  });
}

function readRequest(request: FastifyRequest, typeUrl: string): DiscoveryRequest {
  const { text } = bodyOf(request);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ApiError(
      400,
      'The body is not JSON. Send an envoy.service.discovery.v3.DiscoveryRequest in proto3 JSON.',
    );
  }
  const parsed = discoveryRequest.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue === undefined || issue.path.length === 0 ? 'The body' : `The field ${issue.path.join('.')}`;
    throw new ApiError(400, `${place} is not as in a DiscoveryRequest: ${issue?.message ?? ''}.`);
  }
  const asked = parsed.data.type_url || parsed.data.typeUrl || typeUrl;
  if (asked === typeUrl) return parsed.data;
  throw new ApiError(400, `This path serves ${typeUrl}; take the path of ${asked}, or leave type_url out.`);
}

/** A node's token says which group it is in; an administrator says which is meant. */
function groupOf(role: Role, cluster: string | undefined): string {
  if (role.type !== 'node') {
    if (cluster) return cluster;
    throw new ApiError(400, 'node.cluster is empty; set it to the name of a NodeGroup.');
  }
  if (!cluster || cluster === role.group) return role.group;
  throw new ApiError(
    403,
    `A token of role ${formatRole(role)} may not ask for group ${cluster}; it takes node:${cluster}.`,
  );
}
