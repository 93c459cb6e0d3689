/** Answers to clients of HTTP/1.0: what is written for HTTP/1.1, changed where these would not understand it. */
import type { Out } from '../codec/out.ts';
import type { LocalReply } from './local-reply.ts';

/** In `HTTP/1.1 200 OK`. */
const minorAt = 7;
const zero = 48;

/** Of the head that begins at `from`. */
export function sayHttp10(out: Out, from: number): void {
  out.set(from + minorAt, zero);
}

/** The connection goes on, which here has to be said. The head has just been written. */
export function sayKeepAlive(out: Out): void {
  // the blank line is written again
  out.length -= 2;
  out.text('connection: keep-alive\r\n\r\n');
}

/** The same for an answer of the proxy's own. */
export function keptAlive(reply: LocalReply): LocalReply {
  return { ...reply, headers: [...(reply.headers ?? []), ['connection', 'keep-alive']] };
}
