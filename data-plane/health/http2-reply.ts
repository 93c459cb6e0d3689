/** The question of an HTTP health check, and its answer, in HTTP/2. */
import { Connection } from '../../proto/http2/connection.ts';
import { errorCodes } from '../../proto/http2/errors.ts';
import { fieldValue } from '../../proto/http2/field.ts';
import type { Writer } from '../../proto/http2/output.ts';
import type { HealthCheckConfig } from '../model/config.ts';
import type { ReplyReader, Verdict } from './replies.ts';

type HttpCheck = Extract<HealthCheckConfig['check'], { type: 'http' }>;

export class Http2Reply implements ReplyReader {
  readonly #check: HttpCheck;
  readonly #connection: Connection;
  #verdict: Verdict = 'more';

  constructor(check: HttpCheck, writer: Writer) {
    this.#check = check;
    this.#connection = new Connection({
      role: 'client',
      writer,
      handlers: {
        headers: (_stream, fields) => this.#judge(Number(fieldValue(fields, ':status'))),
        data: () => {},
        trailers: () => {},
        ended: () => {},
        reset: () => this.#fault(),
        goAway: () => {},
        closed: () => this.#fault(),
      },
    });
  }

  ask(): void {
    const { path, host } = this.#check;
    this.#connection.request(
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':authority', host],
        [':path', path],
        ['user-agent', 'Fairlead/HC'],
      ],
      true,
    );
  }

  read(chunk: Buffer): Verdict {
    this.#connection.receive(chunk);
    return this.#verdict;
  }

  /** Nothing more is wanted. */
  end(): void {
    this.#connection.destroy(errorCodes.NO_ERROR, '');
  }

  #judge(status: number): void {
    if (status < 200 || this.#verdict !== 'more') return;
    this.#verdict = this.#check.expect.some(({ start, end }) => status >= start && status < end) ? 'pass' : 'fail';
  }

  #fault(): void {
    if (this.#verdict === 'more') this.#verdict = 'malformed';
  }
}
