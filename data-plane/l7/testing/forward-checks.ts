/** What `forward_must` of the hostile list says in words, as something that can be held against what the upstream saw. */
import { type SeenRequest, valuesOf } from './strict-upstream.ts';

/** Of one request; what is not said is free. */
export interface Forward {
  readonly target?: string;
  readonly body?: string;
  /** What stands before the client's own address in x-forwarded-for. */
  readonly forwardedFor?: string;
  /** The only value of each header; null: the header is absent. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

const chunked = { 'transfer-encoding': 'chunked', 'content-length': null };
const abc: readonly Forward[] = [{ body: 'abc', headers: { ...chunked, authorization: null } }];
const admin: readonly Forward[] = [{ target: '/admin' }];

/** By the words of the list: the requests that must be seen, in this order. */
export const forwardMust: Readonly<Record<string, readonly Forward[]>> = {
  'body abc': abc,
  'Transfer-Encoding: chunked': abc,
  'one framing header, lower-case chunked or a counted length': abc,
  'Content-Length: 0 or none': [{ body: '' }],
  'Content-Length: 5': [{ body: 'hello', headers: { 'content-length': '5' } }],
  'if accepted: scheme taken from the socket': [{ target: '/', headers: { host: 'a', 'x-forwarded-proto': 'https' } }],
  'routed on host a, path /b/x': [{ target: '/b/x', headers: { host: 'a' } }],
  'GET /x, Host: a': [{ target: '/x', headers: { host: 'a' } }],
  '/admin': admin,
  '/%252e%252e/admin unchanged': [{ target: '/%252e%252e/admin' }],
  '/admin for matching': admin,
  '/etc/passwd or 400': [{ target: '/etc/passwd' }],
  'query unchanged': [{ target: '/a?u=http://b//c' }],
  'bytes neither trimmed nor changed': [{ headers: { user: '\x85admin\xa0' } }],
  'Upgrade removed; the second request is routed on its own, never sent raw on a pooled upstream connection': [
    { target: '/', headers: { upgrade: null } },
    { target: '/smuggled', headers: { host: 'a' } },
  ],
  'hidden bytes stay body; on an early final answer the upstream socket is closed, not reused': [
    { body: 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n', headers: { expect: null } },
  ],
  'Upgrade and HTTP2-Settings removed': [{ headers: { upgrade: null, 'http2-settings': null, connection: null } }],
  "proxy's own X-Forwarded-For present, 9.9.9.9 absent": [{ forwardedFor: '' }],
  'overwritten by the proxy': [{ headers: { 'x-forwarded-host': null } }],
  'Host: a still present': [{ headers: { host: 'a' } }],
  'body still framed': abc,
  'both removed': [
    { headers: { connection: null, 'keep-alive': null, 'x-envoy-original-path': null, 'x-envoy-internal': null } },
  ],
  'body still framed: five bytes or chunked': [{ body: 'hello' }],
  'TE removed or just trailers': [{ headers: { te: null, connection: null } }],
  removed: [{ headers: { proxy: null } }],
  'never merged into headers': abc,
  're-framed': abc,
  'trailer X dropped, or sent as a trailer; one request': [{ body: '', headers: { x: null } }],
  'trailer dropped': abc,
  'trailer dropped; routed by a': [{ body: 'abc', headers: { host: 'a' } }],
  'extension dropped': abc,
};

/** What of `wanted` is not so. */
export function forwardFaults(seen: readonly SeenRequest[], wanted: readonly Forward[]): string[] {
  if (seen.length !== wanted.length) return [`${seen.length} requests were forwarded instead of ${wanted.length}`];
  return wanted.flatMap((forward, i) => {
    const request = seen[i]!;
    const faults: string[] = [];
    if (forward.target !== undefined && request.target !== forward.target) faults.push(`target ${request.target}`);
    if (forward.body !== undefined && request.body !== forward.body)
      faults.push(`body ${JSON.stringify(request.body)}`);
    const forwardedFor = valuesOf(request, 'x-forwarded-for').join('|');
    if (forward.forwardedFor !== undefined && forwardedFor !== `${forward.forwardedFor}${request.client}`) {
      faults.push(`x-forwarded-for: ${forwardedFor}`);
    }
    for (const [name, value] of Object.entries(forward.headers ?? {})) {
      const values = valuesOf(request, name);
      if (values.join('|') !== (value ?? '')) faults.push(`${name}: ${values.join(' | ')}`);
    }
    return faults.map((fault) => `request ${i + 1} was forwarded with ${fault}`);
  });
}
