/** RFC 9457 problem documents: what every refusal looks like on the wire. */
import type { Problem } from '../model/document.ts';
import type { StoreError } from '../store/store.ts';

export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What happened, and what to do about it. */
  readonly detail: string;
  /** The request id, by which the log knows it too. */
  readonly instance: string;
  readonly problems?: readonly Problem[];
}

/** A refusal that is meant: its text goes to the client as it is. */
export class ApiError extends Error {
  readonly status: number;
  readonly problems: readonly Problem[];
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    detail: string,
    more: { problems?: readonly Problem[]; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'ApiError';
    this.status = status;
    this.problems = more.problems ?? [];
    this.headers = more.headers ?? {};
  }
}

/** One row a status: the word in `type`, and the title. */
const titles: Readonly<Record<number, readonly [word: string, title: string]>> = {
  400: ['malformed', 'The request cannot be read'],
  401: ['unauthenticated', 'A valid token is needed'],
  403: ['forbidden', 'This token may not do that'],
  404: ['not-found', 'There is nothing here'],
  405: ['method-not-allowed', 'This path does not take this method'],
  408: ['timeout', 'The request took too long to arrive'],
  409: ['conflict', 'This conflicts with what is there'],
  412: ['precondition-failed', 'The document is not at the revision that was expected'],
  413: ['too-large', 'The body is too large'],
  414: ['uri-too-long', 'The path is too long'],
  415: ['unsupported-media-type', 'The body is of a type that is not understood'],
  422: ['invalid', 'The documents are not valid'],
  431: ['headers-too-large', 'The headers are too large'],
  500: ['internal', 'The control plane met an error of its own'],
  503: ['unavailable', 'The control plane cannot do that now'],
  507: ['disk-full', 'The disk is full'],
};

export function problemDocument(
  status: number,
  detail: string,
  requestId: string,
  problems: readonly Problem[] = [],
): ProblemDocument {
  const [word, title] = titles[status] ?? ['error', 'The request was refused'];
  return {
    type: `urn:fairlead:problem:${word}`,
    title,
    status,
    detail,
    instance: `urn:request:${requestId}`,
    ...(problems.length > 0 && { problems }),
  };
}

/** Codes of model problems that mean "this clashes with another document", not "this is wrong in itself". */
const conflictCodes: ReadonlySet<string> = new Set(['conflict', 'in-use']);

/** 400 where the text could not be read, 409 where all it clashes with is other documents, else 422. */
export function statusOf(problems: readonly Problem[]): 400 | 409 | 422 {
  if (problems.some((problem) => problem.code === 'malformed')) return 400;
  return problems.every((problem) => conflictCodes.has(problem.code)) ? 409 : 422;
}

/** A refusal that names every fault. */
export function refusal(problems: readonly Problem[]): ApiError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more; see "problems")` : '';
  return new ApiError(statusOf(problems), `${first?.detail ?? ''} ${first?.remedy ?? ''}${more}`.trim(), { problems });
}

/** What a fault of the store means to the client: try later, or free some space. */
export function storeRefusal(error: StoreError): ApiError {
  const status = error.code === 'disk-full' ? 507 : 503;
  return new ApiError(status, `${error.message} ${error.remedy}`, {
    cause: error,
    ...(status === 503 && { headers: { 'retry-after': '5' } }),
  });
}
