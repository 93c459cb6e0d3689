/** gRPC's health protocol, `grpc.health.v1.Health/Check`: the question, and what its answer says. */
import type { ProbeConfig } from '../model/config.ts';
import { type AnswerJudge, type FieldReader, type Http2Question, userAgent } from './http-judge.ts';
import { failed, type Outcome, passed } from './outcome.ts';

/** An answer is a status; whoever sends more than this speaks something else. */
const maxAnswerBytes = 4 * 1024;

const servingStates = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export function grpcQuestion({ service, authority }: Extract<ProbeConfig, { type: 'grpc' }>): Http2Question {
  return {
    fields: [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/grpc.health.v1.Health/Check'],
      [':authority', authority],
      ['te', 'trailers'],
      ['content-type', 'application/grpc'],
      ['user-agent', userAgent],
    ],
    body: requestOf(service),
  };
}

/** Only SERVING, with grpc-status 0, is well. */
export class GrpcJudge implements AnswerJudge {
  #status: string | undefined;
  #answer: Buffer = Buffer.alloc(0);

  head(status: number, field: FieldReader): Outcome | null {
    if (status !== 200) return failed(`HTTP status ${status}`);
    if (field('content-type')?.startsWith('application/grpc') !== true) return failed('the answer is no gRPC');
    this.#status = field('grpc-status');
    return null;
  }

  data(chunk: Buffer): Outcome | null {
    this.#answer = Buffer.concat([this.#answer, chunk]);
    return this.#answer.length > maxAnswerBytes ? failed('the answer is no HealthCheckResponse') : null;
  }

  end(trailer: FieldReader): Outcome {
    const status = trailer('grpc-status') ?? this.#status;
    if (status !== '0') return failed(/^\d{1,2}$/.test(status ?? '') ? `gRPC status ${status}` : 'no gRPC status');
    const state = servingStateIn(this.#answer);
    return state === 'SERVING' ? passed : failed(state ?? 'the answer is no HealthCheckResponse');
  }
}

/** A gRPC message of HealthCheckRequest{service = 1}. */
function requestOf(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** Of one uncompressed message of HealthCheckResponse{status = 1}; undefined for anything else. */
function servingStateIn(answer: Buffer): string | undefined {
  if (answer.length < 5 || answer[0] !== 0 || answer.readUInt32BE(1) !== answer.length - 5) return undefined;
  if (answer.length === 5) return servingStates[0];
  return answer[5] === 0x08 ? servingStates[answer[6] ?? -1] : undefined;
}
