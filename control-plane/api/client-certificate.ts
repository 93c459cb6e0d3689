/**
 * What a client certificate says of its node: by a URI among its alternative names, of the form
 * `spiffe://TRUST-DOMAIN/fairlead/group/GROUP`, with `/node/ID` after it where it is for one node alone. The trust domain
 * is not compared: whom FAIRLEAD_XDS_CLIENT_CA vouches for is trusted.
 */
import type { AuthorizeStream, PeerCertificate } from '../xds/ports.ts';

export interface CertifiedNode {
  readonly group: string;
  /** Undefined: any node of the group. */
  readonly id: string | undefined;
}

type Verdict = Awaited<ReturnType<AuthorizeStream>>;

/** The URI that lets a node into a group, for messages. */
export function uriForm(group: string): string {
  return `spiffe://TRUST-DOMAIN/fairlead/group/${group}`;
}

/** SPIFFE's characters of a trust domain and of a path segment; a group is named as everywhere. */
const nodeUri =
  /^spiffe:\/\/[a-z0-9._-]{1,255}\/fairlead\/group\/([a-z0-9-]{1,63})(?:\/node\/([a-zA-Z0-9._-]{1,256}))?$/;
/** A URI that was meant to be one, whatever the letters' case. */
const meantForNodes = /^spiffe:\/\/[^/]*\/fairlead(?:\/|$)/i;

/** Undefined: the names say nothing of a node. `fault` ends a sentence that begins with the certificate. */
export function certifiedNode(uris: readonly string[]): CertifiedNode | { readonly fault: string } | undefined {
  const [uri, ...others] = uris.filter((name) => meantForNodes.test(name));
  if (uri === undefined) return undefined;
  if (others.length > 0) return { fault: `names several nodes: ${[uri, ...others].join(', ')}` };
  const match = nodeUri.exec(uri);
  if (match === null) return { fault: `names ${uri}, which is not of the form ${uriForm('GROUP')}[/node/ID]` };
  return { group: match[1]!, id: match[2] };
}

/** Lets in or refuses by the certificate alone; `token-needed`: it says nothing of a node, or there is none. */
export function judgeCertificate(
  certificate: PeerCertificate | undefined,
  node: { readonly id: string; readonly group: string },
): Verdict | 'token-needed' {
  if (certificate === undefined) return 'token-needed';
  if (!certificate.trusted) return untrusted(certificate.reason);
  const named = certifiedNode(certificate.uris);
  if (named === undefined) return 'token-needed';
  if ('fault' in named) {
    return { ok: false, code: 'unauthenticated', message: `the client certificate ${named.fault}; issue it anew` };
  }
  if (named.group !== node.group) {
    const message = `the client certificate is for group ${named.group} and may not subscribe as group ${node.group}; it takes a URI ${uriForm(node.group)}`;
    return { ok: false, code: 'permission-denied', message };
  }
  if (named.id !== undefined && named.id !== node.id) {
    const message = `the client certificate is for node ${named.id} and may not subscribe as node ${node.id}; start the node with that id, or issue a certificate for this one`;
    return { ok: false, code: 'permission-denied', message };
  }
  return { ok: true };
}

export function untrusted(reason: string): Verdict {
  return { ok: false, code: 'unauthenticated', message: `the client certificate is not accepted: ${reason}` };
}
