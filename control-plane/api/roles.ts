/** Who may do what: pure functions over a token's role. The table of owners is product.md's. */
import type { Kind } from '../model/document.ts';
import { kinds } from '../model/document.ts';
import { kindFacts } from '../model/schemas/kinds.ts';

export type Role =
  | { readonly type: 'admin' | 'platform' | 'network' }
  | { readonly type: 'tenant'; readonly tenant: string; readonly access: 'editor' | 'viewer' }
  | { readonly type: 'node'; readonly group: string };

/** What a token may do that is not about one document. */
export type Capability =
  | 'apply'
  | 'tokens'
  | 'fleet'
  /** Of nodes: to take them out, and put them in again. */
  | 'drain'
  /** How far a revision is, without what nodes say. */
  | 'rollouts'
  /** What a group is served: it holds every tenant's routes. */
  | 'xds'
  /** To be served as a node, by single requests. */
  | 'discovery'
  | 'bootstrap'
  | 'metrics'
  | 'reference';

const name = '[a-z0-9-]{1,63}';
const tenantRole = new RegExp(`^tenant:(${name}):(editor|viewer)$`);
const nodeRole = new RegExp(`^node:(${name})$`);

/** The roles as people write them, for messages. */
export const roleForms = 'admin, platform, network, tenant:<name>:editor, tenant:<name>:viewer, node:<group>';

/** Kinds that the network owner writes, where the platform (no tenant) owns the document. */
const networkKinds: ReadonlySet<Kind> = new Set(['NodeGroup', 'Listener', 'L4Route']);

const capabilities: Readonly<Record<Role['type'], ReadonlySet<Capability>>> = {
  admin: new Set([
    'apply',
    'tokens',
    'fleet',
    'drain',
    'rollouts',
    'xds',
    'discovery',
    'bootstrap',
    'metrics',
    'reference',
  ]),
  platform: new Set(['apply', 'tokens', 'fleet', 'drain', 'rollouts', 'xds', 'bootstrap', 'metrics', 'reference']),
  network: new Set(['apply', 'fleet', 'drain', 'rollouts', 'metrics', 'reference']),
  tenant: new Set(['apply', 'rollouts', 'reference']),
  node: new Set(['discovery']),
};

/** The role that a text names, or undefined. */
export function parseRole(text: string): Role | undefined {
  if (text === 'admin' || text === 'platform' || text === 'network') return { type: text };
  const tenant = tenantRole.exec(text);
  if (tenant) return { type: 'tenant', tenant: tenant[1]!, access: tenant[2] === 'editor' ? 'editor' : 'viewer' };
  const node = nodeRole.exec(text);
  return node ? { type: 'node', group: node[1]! } : undefined;
}

export function formatRole(role: Role): string {
  if (role.type === 'tenant') return `tenant:${role.tenant}:${role.access}`;
  return role.type === 'node' ? `node:${role.group}` : role.type;
}

/** Kinds that a tenant may own; the others belong to the platform alone. */
export function isTenantKind(kind: Kind): boolean {
  return kindFacts[kind].byTenants;
}

/** `name` decides only for the Tenant documents: a tenant's tokens may read their own. */
export function mayRead(role: Role, kind: Kind, tenant: string | undefined, documentName?: string): boolean {
  switch (role.type) {
    case 'admin':
    case 'platform':
      return true;
    case 'network':
      return tenant === undefined;
    case 'tenant':
      return kind === 'Tenant' ? documentName === role.tenant : tenant === role.tenant;
    case 'node':
      return false;
  }
}

export function mayWrite(role: Role, kind: Kind, tenant: string | undefined): boolean {
  switch (role.type) {
    case 'admin':
    case 'platform':
      return true;
    case 'network':
      return tenant === undefined && networkKinds.has(kind);
    case 'tenant':
      return role.access === 'editor' && tenant === role.tenant && isTenantKind(kind);
    case 'node':
      return false;
  }
}

export function hasCapability(role: Role, capability: Capability): boolean {
  return role.type === 'tenant' && role.access === 'viewer' && capability === 'apply'
    ? false
    : capabilities[role.type].has(capability);
}

/** Whether a token of this role may see any document of the kind at all (lists are then cut to what it may read). */
export function mayList(role: Role, kind: Kind): boolean {
  if (role.type === 'tenant') return isTenantKind(kind) || kind === 'Tenant';
  return role.type !== 'node';
}

/** Whether the role may make or revoke a token of another role: nobody makes a token stronger than the own one. */
export function mayIssue(role: Role, issued: Role): boolean {
  return role.type === 'admin' || (role.type === 'platform' && issued.type !== 'admin');
}

/** The roles that may do a thing, as a list for people. */
export function rolesThat(allowed: (role: Role) => boolean, tenant?: string): string {
  const candidates: Role[] = [{ type: 'admin' }, { type: 'platform' }, { type: 'network' }];
  if (tenant !== undefined) {
    candidates.push({ type: 'tenant', tenant, access: 'editor' }, { type: 'tenant', tenant, access: 'viewer' });
  }
  return candidates.filter(allowed).map(formatRole).join(', ');
}

/** Every kind that a tenant may own, in the order of the contract. */
export const tenantOwnedKinds: readonly Kind[] = kinds.filter(isTenantKind);
