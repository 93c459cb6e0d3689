/** The lines that the proxy adds to an answer in HTTP/1.1, kept as bytes: most answers get the same ones. */
import { httpDate } from './date.ts';

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
  end(serviceMs: number, epochMs: number, chunked: boolean, close: boolean): Buffer {
    const date = epochMs < 0 ? '' : httpDate(epochMs);
    if (date !== '' && date !== this.#date) {
      this.#date = date;
      this.#kept = [];
    }
    const key = serviceMs * 8 + (date === '' ? 0 : 4) + (chunked ? 2 : 0) + (close ? 1 : 0);
    const kept = this.#kept[key];
    if (kept !== undefined) return kept;
    const bytes = Buffer.from(
      `${this.#server}x-envoy-upstream-service-time: ${serviceMs}\r\n` +
        (date === '' ? '' : `date: ${date}\r\n`) +
        (chunked ? 'transfer-encoding: chunked\r\n' : '') +
        (close ? 'connection: close\r\n\r\n' : '\r\n'),
      'latin1',
    );
    if (serviceMs <= longestKeptMs) this.#kept[key] = bytes;
    return bytes;
  }
}
