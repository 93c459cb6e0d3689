/** What a tenant's routes may say: its claims and its caps. */
import { fixedPart } from '../fixed-part.ts';
import { hostMatches } from '../hosts.ts';
import { type Fault, listing } from '../problems.ts';
import { liesUnder } from '../schemas/paths.ts';
import type { RouteSpec, TenantSpec, Typed } from '../specs.ts';
import { formatDuration } from '../units.ts';
import type { Misfit, NamedListener } from './misfits.ts';

type Claim = TenantSpec['claims'][number];

/** Hosts and paths of a route that its tenant does not claim. */
export function claimMisfits({ document, spec }: Typed<'Tenant'>, route: Typed<'Route'>): Misfit[] {
  const misfits: Misfit[] = [];
  const at = { other: document, otherPath: ['claims'] };
  let pathFault: Fault | undefined;
  route.spec.hosts.forEach((host, index) => {
    const claims = spec.claims.filter((claim) => hostMatches(claim.host, host));
    if (claims.length === 0)
      misfits.push({ ...at, path: ['hosts', index], fault: hostFault(document.name, host, spec.claims) });
    else if (!claims.some((claim) => claimCovers(claim.path, route.spec.match))) {
      pathFault ??= claimedPathFault(document.name, host, claims, route.spec.match);
    }
  });
  if (pathFault !== undefined) misfits.push({ ...at, path: ['match', 'path'], fault: pathFault });
  return misfits;
}

/** Server names of an L4Route that its tenant does not claim with all that is behind them. */
export function serverNameMisfits({ document, spec }: Typed<'Tenant'>, { spec: route }: Typed<'L4Route'>): Misfit[] {
  const at = { other: document, otherPath: ['claims'] };
  if (route.serverNames.length === 0) {
    const detail = `Without \`serverNames\` the route takes every name; ${claimsOf(spec.claims)}.`;
    const remedy = 'Name those that the tenant claims.';
    return [{ ...at, path: ['serverNames'], fault: { code: 'not-claimed', detail, remedy } }];
  }
  return route.serverNames.flatMap((name, index): Misfit[] => {
    const claims = spec.claims.filter(({ host }) => hostMatches(host, name));
    if (claims.some(({ path }) => path === '/')) return [];
    const fault = claims.length === 0 ? hostFault(document.name, name, spec.claims) : wholeHostFault(name, claims);
    return [{ ...at, path: ['serverNames', index], fault }];
  });
}

function wholeHostFault(name: string, claims: readonly Claim[]): Fault {
  return {
    code: 'not-claimed',
    detail: `Who passes TLS on gets every path of ${name}; claimed is ${listing(claims.map(describeClaim))}.`,
    remedy: 'Ask the platform for a claim to the whole host, or serve it by a Route of an https listener.',
  };
}

/** Whether every path that the route takes lies under the claimed prefix, letter case and segments included. */
function claimCovers(claimed: string, { path, ignoreCase }: RouteSpec['match']): boolean {
  if (claimed === '/') return true;
  if (ignoreCase && /[a-z]/i.test(claimed)) return false;
  if (path.type === 'exact' || path.type === 'prefix') return liesUnder(claimed, path.value);
  return fixedPart(path).startsWith(`${claimed}/`) || (path.type === 'template' && path.value === claimed);
}

function hostFault(tenant: string, host: string, claims: readonly Claim[]): Fault {
  return {
    code: 'not-claimed',
    detail: `Tenant ${tenant} has no claim to ${host}; ${claimsOf(claims)}.`,
    remedy: `Name a claimed host, or ask the platform to add one to \`claims\` of Tenant ${tenant}.`,
  };
}

function claimsOf(claims: readonly Claim[]): string {
  return claims.length === 0 ? 'it claims nothing' : `its claims are ${listing(claims.map(describeClaim))}`;
}

function claimedPathFault(tenant: string, host: string, claims: readonly Claim[], match: RouteSpec['match']): Fault {
  const { type, value } = match.path;
  const taken = match.ignoreCase && claims.some(({ path }) => liesUnder(path, value)) ? 'without letter case it' : 'it';
  return {
    code: 'not-claimed',
    detail:
      `The path \`${type}: ${value}\` is not tenant ${tenant}'s alone: ` +
      `of ${host} it claims ${listing(claims.map(({ path }) => path))}, and ${taken} takes more.`,
    remedy: 'Match a path at or under a claimed one, segment by segment, or ask the platform for a wider claim.',
  };
}

function describeClaim({ host, path }: Claim): string {
  return path === '/' ? host : `${host}${path}`;
}

/** Timeouts, retries and listeners of a route that its tenant's caps do not allow. */
export function capMisfits(
  { document, spec }: Typed<'Tenant'>,
  route: Typed<'Route' | 'L4Route'>,
  listeners: readonly NamedListener[],
): Misfit[] {
  const { timeoutMs: cap, listeners: allowed } = spec.caps;
  const misfits: Misfit[] = [];
  const timeout = route.kind === 'Route' ? route.spec.timeoutMs : null;
  if (cap !== null && timeout !== null && (timeout === 0 || timeout > cap)) {
    const said = timeout === 0 ? 'No timeout (`0s`)' : `A timeout of ${formatDuration(timeout)}`;
    const detail = `${said} is over the cap of ${formatDuration(cap)} that tenant ${document.name} has.`;
    const remedy = `Write \`timeout: ${formatDuration(cap)}\` or less.`;
    misfits.push({
      path: ['timeout'],
      fault: { code: 'cap', detail, remedy },
      other: document,
      otherPath: ['caps', 'timeout'],
    });
  }
  const attempts = route.kind === 'Route' ? route.spec.retry.attempts : null;
  if (spec.caps.retries !== null && attempts !== null && attempts > spec.caps.retries) {
    const detail = `${attempts} retries are over the cap of ${spec.caps.retries} that tenant ${document.name} has.`;
    const remedy = `Write \`attempts: ${spec.caps.retries}\` or less.`;
    misfits.push({
      path: ['retry', 'attempts'],
      fault: { code: 'cap', detail, remedy },
      other: document,
      otherPath: ['caps', 'retries'],
    });
  }
  for (const { name, path } of listeners) {
    if (allowed === null || allowed.includes(name)) continue;
    const may = allowed.length === 0 ? 'none' : listing(allowed);
    const detail = `Tenant ${document.name} may not attach to Listener ${name}; it may to ${may}.`;
    const remedy = 'Name one of these, or ask the platform to add it to `caps.listeners`.';
    misfits.push({ path, fault: { code: 'cap', detail, remedy }, other: document, otherPath: ['caps', 'listeners'] });
  }
  return misfits;
}
