/** Clients that stay on the endpoint that served them: what they send, and what answers tell them, as in Envoy. */
import type { StickySessionConfig } from '../model/config.ts';
import { cookieValue, setCookieTail } from './cookies.ts';
import type { RequestView } from './request-view.ts';
import { decodeBase64, noSignature, readSessionAddress, writeSessionAddress } from './session-address.ts';
import { isSigned, signatureOf } from './session-signature.ts';

/** Of the node; the first one signs, any may have signed. */
export type SessionKeys = readonly Uint8Array[];

export interface Session {
  readonly strict: boolean;
  /** The request takes part. Asked before it is rewritten. */
  readonly applies: (request: RequestView) => boolean;
  /** Key of the endpoint that the client is bound to; empty: none. */
  readonly bound: (request: RequestView, nowMs: number, keys: SessionKeys) => string;
  /** What tells a client to stay with this endpoint. Null: there is no key to sign it with. */
  readonly header: (
    endpoint: string,
    nowMs: number,
    keys: SessionKeys,
  ) => readonly [name: string, value: string] | null;
  /** It takes the place of the answer's own. */
  readonly replaces: boolean;
}

type Way = Omit<Session, 'strict'>;
type Cookie = Extract<StickySessionConfig['by'], { type: 'cookie' }>;

/** Null: clients do not stay. */
export function compileSession(config: StickySessionConfig | 'none' | null): Session | null {
  if (config === null || config === 'none') return null;
  const { by, strict, signed } = config;
  return { strict, ...(by.type === 'cookie' ? byCookie(by, signed) : byHeader(by.name, signed)) };
}

function byHeader(name: string, signed: boolean): Way {
  const saidIn = (request: RequestView): string => request.headerLines(name)[0] ?? '';
  const common = { applies: () => true, replaces: true };
  if (!signed) {
    return {
      ...common,
      bound: (request) => decodeBase64(saidIn(request))?.toString('latin1') ?? '',
      header: (endpoint) => [name, Buffer.from(endpoint, 'latin1').toString('base64')],
    };
  }
  return {
    ...common,
    bound: (request, nowMs, keys) => addressIn(saidIn(request), nowMs, keys, name),
    header: (endpoint, _nowMs, keys) => {
      const value = signedValue(endpoint, 0, keys, name);
      return value === '' ? null : [name, value];
    },
  };
}

function byCookie({ name, ttlMs, path, attributes }: Cookie, signed: boolean): Way {
  const ttlSeconds = Math.floor(ttlMs / 1000);
  const tail = setCookieTail(ttlMs, path, attributes);
  return {
    applies: pathTest(path),
    bound: (request, nowMs, keys) =>
      addressIn(cookieValue(request.headerLines('cookie'), name), nowMs, signed ? keys : null, name),
    header: (address, nowMs, keys) => {
      const expires = ttlSeconds === 0 ? 0 : Math.floor(nowMs / 1000) + ttlSeconds;
      const value = signed
        ? signedValue(address, expires, keys, name)
        : writeSessionAddress({ address, expires, signature: noSignature }).toString('base64');
      return value === '' ? null : ['set-cookie', `${name}="${value}"${tail}`];
    },
    replaces: false,
  };
}

/** @param keys null: it need not be signed */
function addressIn(value: string, nowMs: number, keys: SessionKeys | null, name: string): string {
  const bytes = value === '' ? undefined : decodeBase64(value);
  if (bytes === undefined) return '';
  const said = readSessionAddress(bytes);
  // what older Envoys have said
  if (said === undefined) return keys === null ? bytes.toString('latin1') : '';
  if (said.expires !== 0 && Math.floor(nowMs / 1000) > said.expires) return '';
  return keys === null || isSigned(keys, name, said) ? said.address : '';
}

/** Empty: there is no key. */
function signedValue(address: string, expires: number, [key]: SessionKeys, name: string): string {
  if (key === undefined) return '';
  const signature = signatureOf(key, name, { address, expires, signature: noSignature });
  return writeSessionAddress({ address, expires, signature }).toString('base64');
}

/** Whether a request is below the path of the cookie. */
function pathTest(path: string): Session['applies'] {
  if (path === '' || path === '/') return () => true;
  if (path.endsWith('/')) return (request) => request.path.startsWith(path);
  return (request) =>
    request.path.startsWith(path) &&
    (request.path.length === path.length || request.path.charCodeAt(path.length) === 47);
}
