/**
 * Who may subscribe: a token of the node group that the node says it is in, or an administrator's. Who may ask for the
 * status of every client: whoever may look at what a group is served.
 */

import type { AuthorizeStatus, AuthorizeStream } from '../xds/ports.ts';
import type { Authenticator } from './authenticate.ts';
import { formatRole, hasCapability, rolesThat } from './roles.ts';

export function authorizeStreams(authenticator: Authenticator): AuthorizeStream {
  return async (token, { group }) => {
    if (token === undefined) {
      const message = `no token; send metadata "authorization: Bearer …" with a token of role node:${group} (fairlead token create --role node:${group})`;
      return { ok: false, code: 'unauthenticated', message };
    }
    const identity = await authenticator.verify(token);
    if (!identity) {
      const message = `the token is unknown, revoked or expired; make a new one: fairlead token create --role node:${group}`;
      return { ok: false, code: 'unauthenticated', message };
    }
    const { role } = identity;
    if (role.type === 'admin' || (role.type === 'node' && role.group === group)) return { ok: true };
    const message = `a token of role ${formatRole(role)} may not subscribe as group ${group}; it takes node:${group}`;
    return { ok: false, code: 'permission-denied', message };
  };
}

export function authorizeStatus(authenticator: Authenticator): AuthorizeStatus {
  return async (token) => {
    const allowed = rolesThat((role) => hasCapability(role, 'xds'));
    if (token === undefined) {
      const message = `no token; send metadata "authorization: Bearer …" with a token of one of the roles ${allowed}`;
      return { ok: false, code: 'unauthenticated', message };
    }
    const identity = await authenticator.verify(token);
    if (!identity) {
      const message = `the token is unknown, revoked or expired; make a new one with one of the roles ${allowed}`;
      return { ok: false, code: 'unauthenticated', message };
    }
    if (hasCapability(identity.role, 'xds')) return { ok: true };
    const message = `client status needs one of the roles ${allowed}; this token has ${formatRole(identity.role)}`;
    return { ok: false, code: 'permission-denied', message };
  };
}
