/** For tests: a scripted control plane to which nodes report, and what a reporter is made of. */
import * as grpc from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { decode, encode } from '../../proto/codec.ts';
import type { MessageName, MessageTypes } from '../../proto/envoy.ts';
import { ManualTimers, Queue } from './testing.ts';

const passThrough = (bytes: Buffer): Buffer => bytes;

type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

/** What one reporter says over one stream. */
export class ReportStream<Report extends MessageName, Request extends MessageName> {
  readonly token: unknown;
  readonly reports = new Queue<MessageTypes[Report]>();
  readonly #call: Call;
  readonly #request: Request;

  constructor(call: Call, report: Report, request: Request) {
    this.#call = call;
    this.#request = request;
    this.token = call.metadata.get('authorization')[0];
    call.on('data', (bytes: Buffer) => this.reports.put(decode(report, bytes)));
    call.on('error', () => {});
  }

  ask(request: MessageTypes[Request]): void {
    this.askBytes(encode(this.#request, request));
  }

  askBytes(bytes: Uint8Array): void {
    this.#call.write(Buffer.from(bytes));
  }

  end(): void {
    this.#call.end();
  }
}

/** @param takesReports false: it does not know the method */
export async function startReports<Report extends MessageName, Request extends MessageName>(
  path: string,
  report: Report,
  request: Request,
  takesReports: boolean,
) {
  const server = new grpc.Server();
  onTestFinished(() => server.forceShutdown());
  const streams = new Queue<ReportStream<Report, Request>>();
  if (takesReports) {
    const coding = { requestSerialize: passThrough, requestDeserialize: passThrough };
    const answers = { responseSerialize: passThrough, responseDeserialize: passThrough };
    const method = { path, requestStream: true, responseStream: true, ...coding, ...answers };
    server.addService({ method }, { method: (call: Call) => streams.put(new ReportStream(call, report, request)) });
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const timers = new ManualTimers();
  const events = new Queue<unknown>();
  const log = (fields: object): void => events.put((fields as { event: string }).event);
  const deps = {
    servers: [`127.0.0.1:${port}`],
    node: { id: 'n1', group: 'edge', zone: 'z', version: '1' },
    token: 'secret',
    logger: { info: log, warn: log, error: log },
    timers,
    random: () => 0.5,
  };
  return { streams, timers, events, deps };
}
