/** The bootstrap files with which a real Envoy, or gRPC's own xDS client, joins a group, with a token made for it. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
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

export interface XdsFiles {
  readonly ca: string;
  readonly client: { readonly cert: string; readonly key: string } | undefined;
}

/** `xds` is where the node reaches the control plane, or undefined for what this process listens on. */
export interface GrpcBootstrapRequest {
  readonly group: string;
  readonly id: string;
  /** Undefined: a client certificate says who it is. */
  readonly token: string | undefined;
  readonly xds: XdsAddress | undefined;
  /** Paths of files on the client's machine; undefined: plain. */
  readonly tls: XdsFiles | undefined;
  /** Host by which this request reached the API. */
  readonly apiHost: string;
}

export interface EnvoyBootstrapRequest extends GrpcBootstrapRequest {
  readonly variant: 'delta' | 'sotw';
  readonly adminPort: number;
}

type File = Readonly<Record<string, unknown>>;
export type MakeEnvoyBootstrap = (request: EnvoyBootstrapRequest) => File;
export type MakeGrpcBootstrap = (request: GrpcBootstrapRequest) => File;

const path = z.string().min(1).max(4096);

const grpcRequest = z.strictObject({
  group: z.string().describe('The node group to join.'),
  id: z.string().min(1).max(256).optional().describe('Node id, unique in the fleet; made up if left out.'),
  xds: z.string().optional().describe('HOST:PORT of the xDS port as the node reaches it.'),
  xdsCa: path.optional().describe('For TLS: path, on its machine, of the authority that signed for the control plane.'),
  xdsCert: path.optional().describe('Path, on its machine, of a client certificate; no token is made then.'),
  xdsKey: path.optional().describe('Path, on its machine, of the private key of that certificate.'),
});

const envoyRequest = grpcRequest.extend({
  variant: z.enum(['delta', 'sotw']).default('delta').describe('Incremental or state-of-the-world ADS.'),
  adminPort: z.int().min(0).max(65_535).default(0).describe('Admin port on 127.0.0.1; 0: a free one.'),
});

const lifeMs = 90 * 24 * 3_600_000;

type Dependencies = Pick<
  ApiDependencies,
  'store' | 'makeEnvoyBootstrap' | 'makeGrpcBootstrap' | 'xdsSpeaksTls' | 'now'
>;

export function addBootstrapRoutes(app: FastifyInstance, dependencies: Dependencies): void {
  const { makeEnvoyBootstrap, makeGrpcBootstrap } = dependencies;
  addRoute(
    app,
    'POST',
    '/v1/bootstrap/envoy',
    {
      access: { type: 'capability', capability: 'bootstrap' },
      reference: {
        tag: 'fleet',
        summary: 'Makes a node token and answers the bootstrap file of an Envoy that joins the group with it',
        body: { schema: jsonSchema(envoyRequest), types: documentTypes },
        answers: { 201: { description: 'The bootstrap file, as YAML.' } },
      },
    },
    async (incoming, reply) => {
      const asked = readBody(incoming, envoyRequest);
      const { expiresAt, ...node } = await issueFor('envoy', incoming, asked, dependencies);
      const { group, variant, adminPort } = asked;
      const file = makeEnvoyBootstrap({ group, variant, adminPort, ...node });
      const secret = `It holds a token that expires at ${expiresAt}: keep it secret.`;
      const remark = expiresAt === undefined ? 'Its client certificate says so.' : secret;
      const text = `# Envoy ${node.id} in group ${group}. ${remark}\n${stringify(file)}`;
      return reply.code(201).header('content-type', 'application/yaml; charset=utf-8').send(text);
    },
  );

  addRoute(
    app,
    'POST',
    '/v1/bootstrap/grpc',
    {
      access: { type: 'capability', capability: 'bootstrap' },
      reference: {
        tag: 'fleet',
        summary: "Makes a node token and answers the bootstrap file with which gRPC's own xDS client joins the group",
        body: { schema: jsonSchema(grpcRequest), types: documentTypes },
        answers: { 201: { description: 'The bootstrap file, as JSON; it holds the token.' } },
      },
    },
    async (incoming, reply) => {
      const asked = readBody(incoming, grpcRequest);
      const { expiresAt: _, ...node } = await issueFor('grpc', incoming, asked, dependencies);
      const text = `${JSON.stringify(makeGrpcBootstrap({ group: asked.group, ...node }), null, 2)}\n`;
      return reply.code(201).header('content-type', 'application/json; charset=utf-8').send(text);
    },
  );
}

function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
}

function readBody<T>(incoming: FastifyRequest, schema: z.ZodType<T>): T {
  readQuery(incoming.url, []);
  return readSmallBody(incoming, schema);
}

/**
 * A token for one node of a group that exists, unless the node has a certificate. `kind` begins the made-up id and the
 * token's name.
 */
async function issueFor(
  kind: 'envoy' | 'grpc',
  incoming: FastifyRequest,
  asked: z.output<typeof grpcRequest>,
  { store, xdsSpeaksTls, now }: Dependencies,
): Promise<Omit<GrpcBootstrapRequest, 'group'> & { readonly expiresAt: string | undefined }> {
  const named = parseName(asked.group);
  if (!named.ok) throw refused('/group', named.fault.detail, named.fault.remedy);
  const xds = asked.xds === undefined ? undefined : parseXds(asked.xds);
  const tls = filesOf(asked, xdsSpeaksTls);
  if (!store.documents.get('NodeGroup', undefined, asked.group)) {
    const groups = [...store.documents.all('NodeGroup')].map(({ document }) => document.name).sort();
    throw new ApiError(
      404,
      `There is no NodeGroup ${asked.group}. ${groups.length === 0 ? 'Apply one first.' : `There are: ${groups.join(', ')}.`}`,
    );
  }
  const id = asked.id ?? `${kind}-${randomBytes(4).toString('hex')}`;
  const apiHost = incoming.hostname;
  if (tls?.client !== undefined) return { id, xds, tls, token: undefined, expiresAt: undefined, apiHost };
  const issued = await issueToken(store.tokens, {
    role: { type: 'node', group: asked.group },
    name: `${kind} ${id}`.slice(0, 128),
    lifeMs,
    createdBy: identityOf(incoming).author,
    nowMs: now(),
  });
  return { id, xds, tls, token: issued.token, expiresAt: issued.expiresAt, apiHost };
}

function filesOf(
  { xdsCa: ca, xdsCert: cert, xdsKey: key }: z.output<typeof grpcRequest>,
  xdsSpeaksTls: boolean,
): XdsFiles | undefined {
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? 'xdsCert' : 'xdsKey';
    throw refused(`/${missing}`, 'A client certificate takes its private key.', 'Give both paths, or neither.');
  }
  if (ca !== undefined) return { ca, client: cert === undefined || key === undefined ? undefined : { cert, key } };
  if (!xdsSpeaksTls && cert === undefined) return undefined;
  throw refused(
    '/xdsCa',
    xdsSpeaksTls ? 'The xDS port of this control plane speaks TLS.' : 'A client certificate is for TLS.',
    'Give the path, on the machine of the client, of the authority that signed for the control plane (--xds-ca).',
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
