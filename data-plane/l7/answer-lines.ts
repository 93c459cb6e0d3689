/** The lines that the proxy adds to an answer in HTTP/1.1, kept as bytes: most answers get the same ones. */
import { httpDate } from './date.ts';

/** `empty`: without a body, and of a kind that could have one. */
export type BodyFraming = 'as-said' | 'chunked' | 'empty';

const bodyLines = { 'as-said': '', chunked: 'transfer-encoding: chunked\r\n', empty: 'content-length: 0\r\n' };
const bodyKeys = { 'as-said': 0, chunked: 1, empty: 2 };

/** Milliseconds; longer ones are rare, and made anew. */
const longestKeptMs = 255;

export class AnswerLines {
  readonly #server: string;
  #date = '';
  /** By service time and by what else differs. */
  #kept: (Buffer | undefined)[] = [];

  /** @param serverName empty: none of our own */
  constructor(serverName: string) {
    this.#server = serverName === '' ? '' : `server: ${serverName}\r\n`;
  }

  /** Ends the head. @param epochMs for a Date; -1: the answer has one */
  end(serviceMs: number, epochMs: number, body: BodyFraming, close: boolean): Buffer {
    const date = epochMs < 0 ? '' : httpDate(epochMs);
    if (date !== '' && date !== this.#date) {
      this.#date = date;
      this.#kept = [];
    }
    const key = serviceMs * 16 + bodyKeys[body] * 4 + (date === '' ? 0 : 2) + (close ? 1 : 0);
    const kept = this.#kept[key];
    if (kept !== undefined) return kept;
    const bytes = Buffer.from(
      `${this.#server}x-envoy-upstream-service-time: ${serviceMs}\r\n` +
        (date === '' ? '' : `date: ${date}\r\n`) +
        bodyLines[body] +
        (close ? 'connection: close\r\n\r\n' : '\r\n'),
      'latin1',
    );
    if (serviceMs <= longestKeptMs) this.#kept[key] = bytes;
    return bytes;
  }
}
