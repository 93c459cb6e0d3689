/** One row a kind: who owns it, what it is for, and the schema that gives its spec. */
import type { Kind } from '../document.ts';
import type { Reference, SpecOf } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { clusterSchema, ownCluster } from './cluster.ts';
import type { Field } from './fields.ts';
import { healthPolicySchema } from './health-policy.ts';
import { l4RouteSchema, ownL4Route } from './l4-route.ts';
import { listenerSchema } from './listener.ts';
import { nodeGroupSchema } from './node-group.ts';
import { ownRoute, routeSchema } from './route.ts';
import { secretSchema } from './secret.ts';
import { tenantSchema } from './tenant.ts';

type Owning = (written: WrittenReference) => Reference;

/** `Written`: the spec before references got their owner. */
interface KindRow<K extends Kind, Written> {
  readonly summary: string;
  /** Whether a tenant may own it; the platform always may. */
  readonly byTenants: boolean;
  readonly platformSchema: Field<Written>;
  readonly tenantSchema: Field<Written>;
  readonly own: (written: Written, own: Owning) => SpecOf[K];
}

/** A row as the rest of the model sees it: from input and owner to the spec. */
export interface KindFacts<K extends Kind> {
  readonly summary: string;
  readonly byTenants: boolean;
  /** The schema of what people write, for an owner. */
  readonly schemaFor: (tenant: string | undefined) => Field<unknown>;
  /** The whole spec; throws a ZodError for what the schema refuses. */
  readonly read: (input: unknown, tenant: string | undefined) => SpecOf[K];
}

function row<K extends Kind, Written>(facts: KindRow<K, Written>): KindFacts<K> {
  const schemaFor = (tenant: string | undefined): Field<Written> =>
    tenant === undefined ? facts.platformSchema : facts.tenantSchema;
  return {
    summary: facts.summary,
    byTenants: facts.byTenants,
    schemaFor,
    read: (input, tenant) =>
      facts.own(schemaFor(tenant).parse(input), (written) => ({
        tenant: written.tenant ?? tenant,
        name: written.name,
      })),
  };
}

function plain<K extends Kind>(summary: string, byTenants: boolean, schema: Field<SpecOf[K]>): KindFacts<K> {
  return row<K, SpecOf[K]>({ summary, byTenants, platformSchema: schema, tenantSchema: schema, own: (spec) => spec });
}

export const kindFacts: { readonly [K in Kind]: KindFacts<K> } = {
  Tenant: plain(
    'What one team may route, how much it may keep, and what its documents may not exceed.',
    false,
    tenantSchema,
  ),
  NodeGroup: plain('A named set of data-plane nodes.', false, nodeGroupSchema),
  Listener: plain('An address and port that the nodes of some groups open.', false, listenerSchema),
  Cluster: row({
    summary: 'Endpoints that serve the same, and how one of them is chosen.',
    byTenants: true,
    platformSchema: clusterSchema,
    tenantSchema: clusterSchema,
    own: ownCluster,
  }),
  Route: row({
    summary: 'Which HTTP requests go to which clusters.',
    byTenants: true,
    platformSchema: routeSchema('platform'),
    tenantSchema: routeSchema('tenant'),
    own: ownRoute,
  }),
  L4Route: row({
    summary: 'Which clusters take the connections of a tcp or tls-passthrough listener, or the datagrams of a udp one.',
    byTenants: true,
    platformSchema: l4RouteSchema,
    tenantSchema: l4RouteSchema,
    own: ownL4Route,
  }),
  HealthPolicy: plain('How the endpoints of a cluster are probed and watched.', true, healthPolicySchema),
  Secret: plain(
    'A certificate with its private key, or certificates of those who sign others: stored encrypted, never shown, given only to nodes that need it.',
    true,
    secretSchema,
  ),
};

/** Kinds of documents.md that this release does not carry out. */
export const kindsNotYet: readonly string[] = ['JwtProvider', 'Grant'];
