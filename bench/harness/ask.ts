/** Asking a server over HTTP, and waiting until it answers. */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 50;
const askTimeoutMs = 2_000;

/**
 * Asks again and again until `url` answers 200; returns that body.
 * @param assertAlive throws if the process that should answer has ended
 */
export async function waitFor200(
  url: string,
  options: { readonly headers?: Record<string, string>; readonly timeoutMs: number; readonly assertAlive: () => void },
): Promise<string> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.assertAlive();
    const last = await ask(url, options.headers ?? {});
    if (last.status === 200) return last.body;
    if (performance.now() > deadline) {
      throw new Error(
        `${url} did not answer 200 within ${options.timeoutMs} ms; at last it said ${last.status} ${last.body}`,
      );
    }
    await delay(pollMs);
  }
}

export interface Answer {
  /** 0: there was none. */
  readonly status: number;
  readonly body: string;
}

/** One GET. `fetch` would not let a Host header be set. */
export function ask(url: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve) => {
    const request = http.get(url, { headers, agent: false, timeout: askTimeoutMs }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), fail);
    });
    const fail = (error: Error): void => resolve({ status: 0, body: error.message });
    request.once('timeout', () => request.destroy(new Error('no answer'))).once('error', fail);
  });
}
