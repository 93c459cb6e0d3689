/** The bootstrap file with which a real Envoy joins a group, with a token made for it. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { stringify } from 'yaml';
import { z } from 'zod';
import { parseName } from '../model/units.ts';
import { documentTypes, readSmallBody } from './bodies.ts';
import { ApiError, refusal } from './problems.ts';
import { readQuery } from './query.ts';
import { addRoute, identityOf } from './routes.ts';
import type { ApiDependencies } from './server.ts';
import { issueToken } from './token-routes.ts';

export interface XdsAddress {
  readonly host: string;
  readonly port: number;
}

/** Makes the file; `xds` is where the node reaches the control plane, or undefined for what this process listens on. */
export type MakeEnvoyBootstrap = (request: {
  readonly group: string;
  readonly id: string;
  readonly variant: 'delta' | 'sotw';
  readonly adminPort: number;
  readonly token: string;
  readonly xds: XdsAddress | undefined;
  /** Host by which this request reached the API. */
  readonly apiHost: string;
}) => Readonly<Record<string, unknown>>;

const request = z.strictObject({
  group: z.string().describe('The node group to join.'),
  id: z.string().min(1).max(256).optional().describe('Node id, unique in the fleet; made up if left out.'),
  variant: z.enum(['delta', 'sotw']).default('delta').describe('Incremental or state-of-the-world ADS.'),
  adminPort: z.int().min(0).max(65_535).default(0).describe('Admin port on 127.0.0.1; 0: a free one.'),
  xds: z.string().optional().describe('HOST:PORT of the xDS port as the node reaches it.'),
});

const lifeMs = 90 * 24 * 3_600_000;

export function addBootstrapRoute(
  app: FastifyInstance,
  { store, makeEnvoyBootstrap, now }: Pick<ApiDependencies, 'store' | 'makeEnvoyBootstrap' | 'now'>,
): void {
  addRoute(
    app,
    'POST',
    '/v1/bootstrap/envoy',
    {
      access: { type: 'capability', capability: 'bootstrap' },
      reference: {
        tag: 'fleet',
        summary: 'Makes a node token and answers the bootstrap file of an Envoy that joins the group with it',
        body: { schema: z.toJSONSchema(request, { io: 'input' }) as Record<string, unknown>, types: documentTypes },
        answers: { 201: { description: 'The bootstrap file, as YAML.' } },
      },
    },
    async (incoming, reply) => {
      readQuery(incoming.url, []);
      const asked = readSmallBody(incoming, request);
      const named = parseName(asked.group);
      if (!named.ok) throw refused('/group', named.fault.detail, named.fault.remedy);
      const xds = asked.xds === undefined ? undefined : parseXds(asked.xds);
      if (!store.documents.get('NodeGroup', undefined, asked.group)) {
        const groups = [...store.documents.all('NodeGroup')].map(({ document }) => document.name).sort();
        throw new ApiError(
          404,
          `There is no NodeGroup ${asked.group}. ${groups.length === 0 ? 'Apply one first.' : `There are: ${groups.join(', ')}.`}`,
        );
      }
      const id = asked.id ?? `envoy-${randomBytes(4).toString('hex')}`;
      const issued = await issueToken(store.tokens, {
        role: { type: 'node', group: asked.group },
        name: `envoy ${id}`.slice(0, 128),
        lifeMs,
        createdBy: identityOf(incoming).author,
        nowMs: now(),
      });
      const file = makeEnvoyBootstrap({
        ...asked,
        id,
        xds,
        token: issued.token,
        apiHost: incoming.hostname,
      });
      const text = `# Envoy ${id} in group ${asked.group}. It holds a token that expires at ${issued.expiresAt}: keep it secret.\n${stringify(file)}`;
      return reply.code(201).header('content-type', 'application/yaml; charset=utf-8').send(text);
    },
  );
}

/** `HOST:PORT`, IPv6 in brackets. */
function parseXds(text: string): XdsAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s/[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match && port > 0 && port <= 65_535) return { host: match[1] ?? match[2]!, port };
  throw refused('/xds', `${JSON.stringify(text)} is not HOST:PORT.`, 'Write for example control-plane:7071.');
}

function refused(pointer: string, detail: string, remedy: string): ApiError {
  return refusal([{ pointer, code: 'invalid', detail, remedy }]);
}
