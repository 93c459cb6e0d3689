/** From whatever was thrown to a problem document; nothing of the inside leaves, everything unexpected is logged. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StoreError } from '../store/store.ts';
import { unsupportedTypeDetail } from './bodies.ts';
import { ApiError, problemDocument, storeRefusal } from './problems.ts';

const problemType = 'application/problem+json; charset=utf-8';

export function answerRefusals(app: FastifyInstance): void {
  app.setErrorHandler((error: unknown, request, reply) => {
    const refused = toRefusal(error, request);
    if (refused.status >= 500) request.log.error({ event: 'request-failed', err: error });
    sendProblem(reply, request, refused);
  });
}

export function sendProblem(reply: FastifyReply, request: FastifyRequest, refused: ApiError): void {
  reply
    .code(refused.status)
    .headers(refused.headers)
    .type(problemType)
    .send(problemDocument(refused.status, refused.message, request.id, refused.problems));
}

function toRefusal(error: unknown, request: FastifyRequest): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreError) return storeRefusal(error);
  const { code, statusCode, message } = fastifyFault(error);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new ApiError(413, tooLarge(request));
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new ApiError(415, unsupportedTypeDetail);
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return new ApiError(400, 'The body is not as long as its content-length says. Send it again.');
  }
  if (code?.startsWith('FST_ERR_') && statusCode !== undefined && statusCode < 500) {
    return new ApiError(statusCode, message);
  }
  // The connection ended in the middle of the body: nobody will read this answer.
  if (statusCode === 400) return new ApiError(400, 'The body did not arrive in full.');
  return new ApiError(
    500,
    `The control plane met an error of its own. Its log says more under the request id ${request.id}; please report it.`,
  );
}

function fastifyFault(error: unknown): { code?: string; statusCode?: number; message: string } {
  return error instanceof Error ? error : { message: String(error) };
}

function tooLarge(request: FastifyRequest): string {
  const limit = request.routeOptions.bodyLimit;
  const remedy =
    request.routeOptions.url === '/v1/apply'
      ? 'Split the documents into several files and apply each under its own set (--set NAME).'
      : 'One document is never that large; many at once go to POST /v1/apply.';
  return `The body is larger than ${limit} bytes, which is the most this path takes. ${remedy}`;
}

/** Answers on a connection whose bytes are not HTTP (or too much of it), then closes it. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Duplex, requestId: string): void {
  if (socket.destroyed || !socket.writable) return;
  const [status, detail] = brokenRequests[error.code ?? ''] ?? [400, 'What came in is not an HTTP/1.1 request.'];
  const body = JSON.stringify(problemDocument(status, detail, requestId));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${problemType}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

const brokenRequests: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The request headers are larger than 16 KiB. Send fewer or shorter ones.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time. Send it again.'],
};
