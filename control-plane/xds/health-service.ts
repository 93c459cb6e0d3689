/** gRPC's health checking protocol, for load balancers and orchestrators: https://github.com/grpc/grpc/blob/master/doc/health-checking.md. */
import type { CallHandler, GrpcCall, Method } from '../grpc/method.ts';
import { type Refusal, status } from '../grpc/status.ts';
import { limits } from './limits.ts';
import type { Timers } from './ports.ts';

const service = 'grpc.health.v1.Health';

export interface HealthPorts {
  /** This replica takes streams, and what it serves is current. */
  readonly isServing: () => boolean;
  /** The services that can be asked about; the empty name is the server as a whole. */
  readonly services: ReadonlySet<string>;
  readonly timers: Timers;
}

/** HealthCheckResponse{status = 1}. */
const answers = {
  serving: Buffer.from([8, 1]),
  notServing: Buffer.from([8, 2]),
  unknown: Buffer.from([8, 3]),
} as const;

export class HealthService {
  readonly #ports: HealthPorts;
  readonly #watches = new Set<Watch>();

  constructor(ports: HealthPorts) {
    this.#ports = ports;
  }

  /** By gRPC method path. */
  get methods(): [string, Method][] {
    const watch: Method = (call) => {
      const opened = new Watch(call, this.#ports, () => this.#watches.delete(opened));
      this.#watches.add(opened);
      return opened;
    };
    return [
      [`/${service}/Check`, (call) => new Check(call, this.#ports)],
      [`/${service}/Watch`, watch],
    ];
  }

  /** Ends every watch without an error. */
  end(): void {
    for (const watch of this.#watches) watch.end();
  }
}

class Check implements CallHandler {
  readonly #call: GrpcCall;
  readonly #ports: HealthPorts;
  #asked: string | undefined;

  constructor(call: GrpcCall, ports: HealthPorts) {
    this.#call = call;
    this.#ports = ports;
  }

  message(bytes: Buffer): void {
    this.#asked = askedIn(bytes);
  }

  halfClosed(): void {
    const asked = this.#asked;
    if (asked === undefined) {
      this.#call.refuse(noRequest);
    } else if (!this.#ports.services.has(asked)) {
      this.#call.refuse({ code: status.NOT_FOUND, details: `there is no service ${asked} here` });
    } else {
      this.#call.send([answerOf(this.#ports)], () => {});
      this.#call.end();
    }
  }

  closed(): void {}
}

class Watch implements CallHandler {
  readonly #call: GrpcCall;
  readonly #ports: HealthPorts;
  readonly #onClosed: () => void;
  #cancel: () => void = () => {};
  #told: Buffer | undefined;
  #over = false;

  constructor(call: GrpcCall, ports: HealthPorts, onClosed: () => void) {
    this.#call = call;
    this.#ports = ports;
    this.#onClosed = onClosed;
  }

  message(bytes: Buffer): void {
    const asked = askedIn(bytes);
    if (asked === undefined || this.#told !== undefined) {
      this.closed();
      this.#call.refuse(noRequest);
    } else if (this.#ports.services.has(asked)) {
      this.#tell();
    } else {
      this.#told = answers.unknown;
      this.#call.send([this.#told], () => {});
    }
  }

  halfClosed(): void {
    if (this.#told === undefined) this.end();
  }

  closed(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancel();
    this.#onClosed();
  }

  end(): void {
    if (this.#over) return;
    this.closed();
    this.#call.end();
  }

  #tell(): void {
    const answer = answerOf(this.#ports);
    if (answer !== this.#told) this.#call.send([answer], () => {});
    this.#told = answer;
    this.#cancel = this.#ports.timers.after(limits.healthLookMs, () => this.#tell());
  }
}

const noRequest: Refusal = {
  code: status.INVALID_ARGUMENT,
  details: 'exactly one grpc.health.v1.HealthCheckRequest is expected',
};

function answerOf({ isServing }: HealthPorts): Buffer {
  return isServing() ? answers.serving : answers.notServing;
}

/** HealthCheckRequest{service = 1}; undefined for anything else. */
function askedIn(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return '';
  const [tag, length = 0] = bytes;
  return tag === 10 && length < 0x80 && bytes.length === 2 + length ? bytes.toString('utf8', 2) : undefined;
}
