/** Methods of requests: which are known, and which go on. */
import type { Head } from '../codec/h1-head.ts';

/** Methods that are forwarded as they are: the registered ones, without CONNECT and TRACE. */
export const forwardedMethods: ReadonlySet<string> = new Set(
  (
    'ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE M-SEARCH MSEARCH NOTIFY ' +
    'OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK ' +
    'UNSUBSCRIBE'
  ).split(' '),
);

/** Whether a request may begin with this word, forwarded or refused. */
export function isKnownMethod(word: string): boolean {
  return forwardedMethods.has(word) || word === 'CONNECT' || word === 'TRACE';
}

export function readMethod(head: Head): string {
  const b = head.bytes;
  const start = head.methodStart;
  const length = head.methodEnd - start;
  if (length === 3 && b[start] === 71 && b[start + 1] === 69 && b[start + 2] === 84) return 'GET';
  return b.latin1Slice(start, head.methodEnd);
}
