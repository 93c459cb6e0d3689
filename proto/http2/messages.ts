/** What a header list has to be to begin or end a message (RFC 9113 section 8, RFC 8441). */
import { type FieldRecord, kinds } from './field.ts';

export interface Head {
  /** What is wrong with it; undefined: nothing. */
  readonly problem: string | undefined;
  /** From content-length; undefined: not said. */
  readonly contentBytes: number | undefined;
  /** Of a response; 0 for a request. */
  readonly status: number;
  readonly method: string;
}

const none = { contentBytes: undefined, status: 0, method: '' };

/** @param allowProtocol extended CONNECT has been offered */
export function checkRequest(fields: readonly FieldRecord[], allowProtocol: boolean): Head {
  const read = readHead(fields);
  if (typeof read === 'string') return { ...none, problem: read };
  const problem = requestProblem(read, allowProtocol);
  return { problem, contentBytes: read.contentBytes, status: 0, method: read.pseudo[kinds.method] ?? '' };
}

export function checkResponse(fields: readonly FieldRecord[]): Head {
  const read = readHead(fields);
  if (typeof read === 'string') return { ...none, problem: read };
  const status = read.pseudo[kinds.status];
  const others = read.pseudo.some((value, kind) => value !== undefined && kind !== kinds.status);
  if (status === undefined || others || !/^[1-9]\d\d$/.test(status)) {
    return { ...none, problem: 'a response has to have :status, three digits, and no other pseudo-header' };
  }
  if (status === '101') return { ...none, problem: '101 does not exist in HTTP/2' };
  const hasNoContent = status === '204' || status.startsWith('1');
  if (hasNoContent && read.contentBytes) return { ...none, problem: `${status} has no content, and no length` };
  return { problem: undefined, contentBytes: read.contentBytes, status: Number(status), method: '' };
}

export function checkTrailers(fields: readonly FieldRecord[]): string | undefined {
  const read = readHead(fields);
  if (typeof read === 'string') return read;
  // neither framing nor routing may come behind the content (RFC 9110 section 6.5.1)
  if (read.contentBytes !== undefined || read.hasHost) return 'trailers have no content-length and no host';
  return read.pseudo.length > 0 ? 'trailers have no pseudo-headers' : undefined;
}

interface ReadHead {
  /** By kind; empty if there is none. */
  readonly pseudo: (string | undefined)[];
  readonly contentBytes: number | undefined;
  readonly hasHost: boolean;
}

function readHead(fields: readonly FieldRecord[]): ReadHead | string {
  const pseudo: (string | undefined)[] = [];
  let contentBytes: number | undefined;
  let isBehindPseudo = false;
  let hasHost = false;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    if (!field.isWellFormed) return 'a header field has characters that it may not have';
    const { kind, value } = field;
    if (kind === kinds.plain) {
      isBehindPseudo = true;
    } else if (kind <= kinds.protocol) {
      if (isBehindPseudo) return `${field.name} stands behind other fields`;
      if (pseudo[kind] !== undefined) return `${field.name} stands there twice`;
      pseudo[kind] = value;
    } else if (kind === kinds.contentLength) {
      isBehindPseudo = true;
      if (!/^(?:0|[1-9]\d{0,14})$/.test(value)) return 'content-length is not a number';
      if (contentBytes !== undefined) return 'content-length stands there twice';
      contentBytes = Number(value);
    } else if (kind === kinds.host) {
      isBehindPseudo = true;
      if (hasHost || value === '') return 'host stands there twice, or is empty';
      hasHost = true;
    } else if (kind === kinds.te) {
      isBehindPseudo = true;
      if (value.toLowerCase() !== 'trailers') return 'te may only be trailers';
    } else {
      return `${field.name} does not exist in HTTP/2`;
    }
  }
  return { pseudo, contentBytes, hasHost };
}

function requestProblem({ pseudo }: ReadHead, allowProtocol: boolean): string | undefined {
  const method = pseudo[kinds.method];
  const path = pseudo[kinds.path];
  if (pseudo[kinds.status] !== undefined) return 'a request has no :status';
  if (method === undefined || method === '') return 'a request has to have :method';
  if (pseudo[kinds.authority] === '') return ':authority is empty';
  if (pseudo[kinds.protocol] !== undefined) {
    if (!allowProtocol || method !== 'CONNECT') return ':protocol was not offered, or is not with CONNECT';
    if (pseudo[kinds.authority] === undefined) return 'an extended CONNECT has to have :authority';
  } else if (method === 'CONNECT') {
    const isPlain = pseudo[kinds.scheme] === undefined && path === undefined && pseudo[kinds.authority];
    return isPlain ? undefined : 'CONNECT has :method and :authority, and no other pseudo-header';
  }
  if (!pseudo[kinds.scheme]) return 'a request has to have :scheme';
  if (!path) return 'a request has to have :path';
  if (path.charCodeAt(0) !== 47 && !(path === '*' && method === 'OPTIONS')) return ':path has to begin with a slash';
  return undefined;
}
