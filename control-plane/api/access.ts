/** What a route asks of the token, as data: the server enforces it, the OpenAPI document and the tests read it. */
import type { Kind } from '../model/document.ts';
import {
  type Capability,
  formatRole,
  hasCapability,
  mayList,
  mayRead,
  mayWrite,
  type Role,
  rolesThat,
} from './roles.ts';

export type Access =
  /** No token: only what a load balancer or an orchestrator asks. */
  | { readonly type: 'public' }
  /** Any valid token. */
  | { readonly type: 'token' }
  | { readonly type: 'capability'; readonly capability: Capability }
  /** Documents of one kind; tenant and name come from the path. */
  | { readonly type: 'documents'; readonly action: 'list' | 'read' | 'write'; readonly kind: Kind };

export interface PathParameters {
  readonly tenant?: string | undefined;
  readonly name?: string | undefined;
}

export function isAllowed(role: Role, access: Access, parameters: PathParameters): boolean {
  switch (access.type) {
    case 'public':
    case 'token':
      return true;
    case 'capability':
      return hasCapability(role, access.capability);
    case 'documents':
      return mayTouch(role, access.action, access.kind, parameters);
  }
}

/** The sentence of a 403: what was asked, which roles may, which one this token has. */
export function describeRefusal(role: Role, access: Access, parameters: PathParameters): string {
  const needed = rolesThat((candidate) => isAllowed(candidate, access, parameters), parameters.tenant);
  return `${describeAccess(access, parameters)} needs one of the roles ${needed}; this token has ${formatRole(role)}.`;
}

function mayTouch(
  role: Role,
  action: 'list' | 'read' | 'write',
  kind: Kind,
  { tenant, name }: PathParameters,
): boolean {
  if (action === 'write') return mayWrite(role, kind, tenant);
  if (action === 'read') return mayRead(role, kind, tenant, name);
  // A list without a tenant in its path is cut to what the role may read.
  return tenant === undefined ? mayList(role, kind) : mayRead(role, kind, tenant);
}

const capabilityWords: Readonly<Record<Capability, string>> = {
  apply: 'Applying documents',
  tokens: 'Managing tokens',
  fleet: 'Looking at the nodes',
  drain: 'Draining nodes',
  rollouts: 'Following a revision',
  xds: "Looking at a group's Envoy resources",
  discovery: 'Asking for xDS by single requests',
  bootstrap: 'Making a bootstrap file',
  metrics: 'Reading the metrics',
  reference: 'Reading the API reference',
};

function describeAccess(access: Access, { tenant, name }: PathParameters): string {
  if (access.type === 'capability') return capabilityWords[access.capability];
  if (access.type !== 'documents') return 'This';
  const verb = { list: 'Listing', read: 'Reading', write: 'Writing' }[access.action];
  const owner = tenant === undefined ? '' : `${tenant}/`;
  return access.action === 'list'
    ? `${verb} ${access.kind} documents${tenant === undefined ? '' : ` of ${tenant}`}`
    : `${verb} ${access.kind} ${owner}${name ?? ''}`;
}
