/**
 * Clients as they are: keep-alive connections of HTTP/1.1, and connections of HTTP/2 with several streams. They heed what
 * they are told (`connection: close`, GOAWAY) and send nothing twice, so that whatever was sent and not answered is lost.
 */
import http from 'node:http';
import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Connection } from '../../proto/http2/connection.ts';
import { fieldValue } from '../../proto/http2/field.ts';
import { bindSocket, socketWriter } from '../../proto/http2/socket.ts';

export interface Shape {
  /** Connections of each kind. */
  readonly http1: number;
  readonly http2: number;
  /** Under way at a time on a connection of HTTP/2. */
  readonly streams: number;
  /** Every fourth client thinks for up to so long between two requests; the others don't. */
  readonly thinkMs: number;
}

export interface Sent {
  /** What was sent, of which `right` got the answer that is theirs, whole. */
  sent: number;
  right: number;
  readonly failures: string[];
  /** Connections that ended as they were asked to. */
  closes: number;
  goodbyes: number;
}

/** What the service answers to a request, whole. */
export const answerTo = (path: string): string => `${path} ${'.'.repeat(200)}\n`;

export class Load {
  readonly counts: Sent = { sent: 0, right: 0, failures: [], closes: 0, goodbyes: 0 };
  readonly #port: number;
  readonly #random: () => number;
  readonly #clients: Promise<void>[];
  #isEnding = false;

  constructor(port: number, shape: Shape, random: () => number) {
    this.#port = port;
    this.#random = random;
    const thinkMs = (i: number): number => (i % 4 === 3 ? shape.thinkMs : 0);
    this.#clients = [
      ...Array.from({ length: shape.http1 }, (_, i) => this.#http1(thinkMs(i))),
      ...Array.from({ length: shape.http2 }, (_, i) => this.#http2(shape.streams, thinkMs(i))),
    ];
  }

  /** Resolves when so many requests have had their end. */
  async until(requests: number): Promise<void> {
    while (this.counts.right + this.counts.failures.length < requests) await wait(5);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#clients);
  }

  async #http1(thinkMs: number): Promise<void> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isEnding) {
      await this.#counted('HTTP/1.1', (path) => this.#ask(agent, path));
      await this.#think(thinkMs);
    }
    agent.destroy();
  }

  #ask(agent: http.Agent, path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = http.get({ port: this.#port, host: '127.0.0.1', path, agent }, (response) => {
        let body = '';
        if (response.headers.connection === 'close') this.counts.closes++;
        response.setEncoding('latin1').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve(`${response.statusCode} ${body}`));
        response.on('error', reject);
      });
      request.on('error', (error) =>
        reject(new Error(`${error.message}, ${request.reusedSocket ? 'reused' : 'new'} connection`)),
      );
    });
  }

  async #http2(streams: number, thinkMs: number): Promise<void> {
    let connection = this.#connect();
    const one = async (): Promise<void> => {
      while (!this.#isEnding) {
        if (!connection.canRequest) connection = this.#connect();
        await this.#counted('HTTP/2', (path) => askOn(connection, path));
        await this.#think(thinkMs);
      }
    };
    await Promise.all(Array.from({ length: streams }, one));
    connection.drain();
  }

  /**
   * Not by node:http2: what that is asked for behind a GOAWAY in one read with the answer before it fails without having
   * been sent, and looks like a stream that the server has refused.
   */
  #connect(): Connection<Asked> {
    const socket = net.connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    const connection = new Connection<Asked>({
      role: 'client',
      writer: socketWriter(socket),
      handlers: {
        headers({ state }, fields, endStream) {
          state!.answer = `${fieldValue(fields, ':status')} `;
          if (endStream) state!.resolve(state!.answer);
        },
        data({ state }, chunk, endStream) {
          state!.answer += chunk.toString('latin1');
          if (endStream) state!.resolve(state!.answer);
        },
        trailers: ({ state }) => state!.resolve(state!.answer),
        ended() {},
        reset: ({ state }, code, cause) => state!.reject(new Error(`reset with ${code} by the ${cause}`)),
        goAway: (lastStreamId) => {
          if (lastStreamId === 2 ** 31 - 1) this.counts.goodbyes++;
        },
        closed() {},
      },
    });
    bindSocket(socket, connection);
    return connection;
  }

  async #counted(kind: string, ask: (path: string) => Promise<string>): Promise<void> {
    const path = `/${this.counts.sent++}`;
    try {
      const answer = await ask(path);
      if (answer === `200 ${answerTo(path)}`) this.counts.right++;
      else this.counts.failures.push(`${kind} ${path}: ${answer.slice(0, 200)}`);
    } catch (error) {
      this.counts.failures.push(`${kind} ${path}: ${(error as Error).message}`);
    }
  }

  async #think(ms: number): Promise<void> {
    if (ms > 0) await wait(ms * this.#random());
  }
}

interface Asked {
  answer: string;
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

function askOn(connection: Connection<Asked>, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fields = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', path],
    ] as const;
    if (connection.request(fields, true, { answer: '', resolve, reject }) === undefined) reject(new Error('no stream'));
  });
}
