/** A constant stream of requests over keep-alive connections through one proxy; every answer is judged. */
import http from 'node:http';
import { request } from '../support/fairlead.ts';
import type { Random } from './changes.ts';
import type { Timeline } from './timeline.ts';

export interface Failure {
  readonly proxy: string;
  readonly request: string;
  /** What came instead of an answer that the documents allow. */
  readonly got: string;
  /** What was changing meanwhile. */
  readonly changes: readonly string[];
}

const body = 'x'.repeat(20_000);
/** Requests within which a proxy that stood still, as one does on a busy machine, has taken up what waited for it. */
const awakeAfter = 30;

export class Traffic {
  readonly proxy: string;
  readonly #port: number;
  readonly #hosts: readonly string[];
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #agent: http.Agent;
  readonly #loops: Promise<void>[];
  readonly failures: Failure[] = [];
  /** Requests that a backend answered. */
  served = 0;
  /** Requests for hosts that were away. */
  absent = 0;
  /** Requests that were judged by one state of the documents alone. */
  exact = 0;
  /** When the last requests ended. */
  readonly #endsMs: number[] = [];
  #stopped = false;

  constructor(
    proxy: { readonly name: string; readonly port: number },
    hosts: readonly string[],
    timeline: Timeline,
    random: Random,
    connections: number,
  ) {
    this.proxy = proxy.name;
    this.#port = proxy.port;
    this.#hosts = hosts;
    this.#timeline = timeline;
    this.#random = random;
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: connections });
    this.#loops = Array.from({ length: connections }, () => this.#loop());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) await this.#ask();
  }

  async #ask(): Promise<void> {
    const host = this.#hosts[Math.floor(this.#random() * this.#hosts.length)]!;
    const path = (this.#random() < 0.5 ? '/' : '/deep') + (this.#random() < 0.03 ? '?slow' : '');
    const sends = this.#random() < 0.1 ? body : undefined;
    const startMs = performance.now();
    const awakeMs = this.#endsMs.at(-awakeAfter) ?? Number.NEGATIVE_INFINITY;
    const options = { host, path, agent: this.#agent, ...(sends !== undefined && { method: 'POST', body: sends }) };
    const answer = await request(this.#port, options).catch((error: Error) => error);
    const endMs = performance.now();
    this.#endsMs.push(endMs);
    const window = this.#timeline.windowOf(awakeMs, endMs);
    if (window.from === window.to) this.exact++;
    const { backends, absent } = this.#timeline.allowed(window, host, path);
    if (!(answer instanceof Error)) {
      if (answer.status === 404 && absent) {
        this.absent++;
        return;
      }
      const heard = answer.status === 200 ? (JSON.parse(answer.body) as { backend: number; received: number }) : null;
      if (heard !== null && backends.has(heard.backend) && heard.received === (sends?.length ?? 0)) {
        this.served++;
        return;
      }
    }
    const got = answer instanceof Error ? answer.message : `${answer.status} ${answer.body}`;
    const allowed = `allowed: ${[...backends].join(', ') || 'none'}`;
    this.failures.push({
      proxy: this.proxy,
      request: `${sends === undefined ? 'GET' : 'POST'} ${host}${path} at ${Math.round(startMs)}-${Math.round(endMs)} ms, ${allowed}`,
      got,
      changes: this.#timeline.labels(window),
    });
  }
}
