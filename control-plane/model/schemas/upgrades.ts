/** A route's `upgrades`: the tunnels that its requests may open. */
import { limits } from '../limits.ts';
import { show } from '../problems.ts';
import type { RouteSpec } from '../specs.ts';
import { type Field, type FieldFault, itself, listOf, text } from './fields.ts';

const token = "[!#$%&'*+.^_`|~0-9a-z-]+";
const protocol = new RegExp(`^${token}(/${token})?$`);
/** Other versions of HTTP are agreed on by TLS or not at all; the others are no streams of bytes. */
const never = /^(h2c|http\/.*|tls\/.*|connect-udp)$/;

const upgrade = text('`websocket` | `connect` | protocol', 'Write `websocket`, or `connect` alone.', (written) => {
  const name = written.toLowerCase();
  if (!protocol.test(name) || written.length > limits.nameLength) {
    const remedy = 'Write `websocket`, `connect`, or a protocol as requests name it in `Upgrade`.';
    return { ok: false, fault: { detail: `${show(written)} is no protocol.`, remedy } };
  }
  if (never.test(name)) {
    return { ok: false, fault: { detail: `No tunnel is opened for ${show(written)}.`, remedy: 'Take it out.' } };
  }
  return { ok: true, value: name };
});

export function upgradesSchema(): Field<string[]> {
  return listOf(upgrade, { least: 1, unique: { what: 'The upgrade', key: itself } });
}

/** CONNECT has no path and goes to the cluster as it is, so a route that takes it says little else. */
export function connectFault(route: Readonly<Record<string, unknown>>): FieldFault | undefined {
  const upgrades = route['upgrades'] as readonly string[] | undefined;
  if (upgrades !== undefined && route['to'] === undefined) {
    const detail = 'Nothing is sent on here, so no tunnel can be opened.';
    return { field: 'upgrades', detail, remedy: 'Take `upgrades` out, or write `to`.' };
  }
  if (!upgrades?.includes('connect')) return undefined;
  if (upgrades.length > 1) {
    const detail = 'A route with `connect` takes CONNECT requests alone, so no other upgrade can come.';
    return { field: 'upgrades', detail, remedy: 'Write a route of its own for `connect`.' };
  }
  const { path, methods } = route['match'] as RouteSpec['match'];
  if (path.type !== 'prefix' || path.value !== '/' || methods.length > 0) {
    const what = methods.length > 0 ? 'methods' : 'path';
    const detail = `A CONNECT request has no path and is no other method, so \`match.${what}\` would never fit.`;
    return { field: 'match', detail, remedy: `Take \`${what}\` out.` };
  }
  if (route['rewrite'] === undefined) return undefined;
  const detail = 'A CONNECT request asks its endpoint for host and port as the client wrote them.';
  return { field: 'rewrite', detail, remedy: 'Take it out.' };
}
