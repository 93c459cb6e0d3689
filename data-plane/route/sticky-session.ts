/** Clients that stay on the endpoint that served them: what they send, and what answers tell them, as in Envoy. */
import type { StickySessionConfig } from '../model/config.ts';
import { cookieValue, setCookieTail } from './cookies.ts';
import type { RequestView } from './request-view.ts';
import { decodeBase64, readSessionAddress, writeSessionAddress } from './session-address.ts';

export interface Session {
  readonly strict: boolean;
  /** The request takes part. Asked before it is rewritten. */
  readonly applies: (request: RequestView) => boolean;
  /** Key of the endpoint that the client is bound to; empty: none. */
  readonly bound: (request: RequestView, nowMs: number) => string;
  /** What tells a client to stay with this endpoint, and whether it takes the place of the answer's own. */
  readonly header: (key: string, nowMs: number) => readonly [name: string, value: string];
  readonly replaces: boolean;
}

/** Null: clients do not stay. */
export function compileSession(config: StickySessionConfig | 'none' | null): Session | null {
  if (config === null || config === 'none') return null;
  const { by, strict } = config;
  return { strict, ...(by.type === 'cookie' ? byCookie(by) : byHeader(by.name)) };
}

function byHeader(name: string): Omit<Session, 'strict'> {
  return {
    applies: () => true,
    bound: (request) => decodeBase64(request.headerLines(name)[0] ?? '')?.toString('latin1') ?? '',
    header: (key) => [name, Buffer.from(key, 'latin1').toString('base64')],
    replaces: true,
  };
}

function byCookie({
  name,
  ttlMs,
  path,
  attributes,
}: Extract<StickySessionConfig['by'], { type: 'cookie' }>): Omit<Session, 'strict'> {
  const ttlSeconds = Math.floor(ttlMs / 1000);
  const tail = setCookieTail(ttlMs, path, attributes);
  return {
    applies: pathTest(path),
    bound: (request, nowMs) => {
      const value = cookieValue(request.headerLines('cookie'), name);
      const bytes = value === '' ? undefined : decodeBase64(value);
      if (bytes === undefined) return '';
      const said = readSessionAddress(bytes);
      // what older Envoys have said
      if (said === undefined) return bytes.toString('latin1');
      return said.expires !== 0 && Math.floor(nowMs / 1000) > said.expires ? '' : said.address;
    },
    header: (key, nowMs) => {
      const expires = ttlSeconds === 0 ? 0 : Math.floor(nowMs / 1000) + ttlSeconds;
      const value = writeSessionAddress({ address: key, expires }).toString('base64');
      return ['set-cookie', `${name}="${value}"${tail}`];
    },
    replaces: false,
  };
}

/** Whether a request is below the path of the cookie. */
function pathTest(path: string): Session['applies'] {
  if (path === '' || path === '/') return () => true;
  if (path.endsWith('/')) return (request) => request.path.startsWith(path);
  return (request) =>
    request.path.startsWith(path) &&
    (request.path.length === path.length || request.path.charCodeAt(path.length) === 47);
}
