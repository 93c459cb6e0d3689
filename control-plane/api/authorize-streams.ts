/**
 * Who may subscribe: a client certificate that names the node group which the node says it is in; or a token of the
 * group, or an administrator's, and no certificate that says otherwise. Who may ask for the status of every client:
 * whoever may look at what a group is served.
 */

import type { AuthorizeStatus, AuthorizeStream } from '../xds/ports.ts';
import type { Authenticator } from './authenticate.ts';
import { judgeCertificate, untrusted, uriForm } from './client-certificate.ts';
import { formatRole, hasCapability, rolesThat } from './roles.ts';

export function authorizeStreams(authenticator: Authenticator): AuthorizeStream {
  return async (token, node, certificate) => {
    const judged = judgeCertificate(certificate, node);
    if (judged !== 'token-needed') return judged;
    const { group } = node;
    if (token === undefined) {
      const nameless = `the client certificate names no node group (a URI ${uriForm(group)}), and there is `;
      const message = `${certificate === undefined ? '' : nameless}no token; send metadata "authorization: Bearer …" with a token of role node:${group} (fairlead token create --role node:${group})`;
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
  return async (token, certificate) => {
    if (certificate?.trusted === false) return untrusted(certificate.reason);
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
