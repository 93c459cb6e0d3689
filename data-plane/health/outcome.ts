/** What came of one health check. */
export interface Outcome {
  /**
   * `failed`: the endpoint answered, but not as it should, which decides at once; `retriable`: so, with a status that
   * only counts against it; `network`: it could not be asked, or its answer was none; `timeout`: none came in time.
   */
  readonly type: 'passed' | 'degraded' | 'failed' | 'retriable' | 'network' | 'timeout';
  /** What was wrong, in a few words; empty: nothing. */
  readonly reason: string;
}

export const passed: Outcome = { type: 'passed', reason: '' };
export const degraded: Outcome = { type: 'degraded', reason: 'it calls itself degraded' };

export const failed = (reason: string): Outcome => ({ type: 'failed', reason });
export const networkFailure = (reason: string): Outcome => ({ type: 'network', reason });

export function isPass({ type }: Outcome): boolean {
  return type === 'passed' || type === 'degraded';
}

const wordsOf: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  EHOSTUNREACH: 'no way to the host',
  ENETUNREACH: 'no way to the network',
  ETIMEDOUT: 'connection timed out',
};

export function socketFailure(error: NodeJS.ErrnoException): Outcome {
  const { code = '' } = error;
  return networkFailure(wordsOf[code] ?? (code || error.message));
}
