/** What a method of a gRPC service sees of a call. Every call is a stream both ways; a unary one has a message each way. */
import type { Refusal } from './status.ts';

export interface GrpcCall {
  /** Address and port of the client's end of the connection. */
  readonly peer: string;
  /** Of the request's metadata, in lower case; the first where there are several. */
  header(name: string): string | undefined;
  /** One message, made of these parts. `taken` is called once it has left this process, never for one that has not. */
  send(parts: readonly Uint8Array[], taken: () => void): void;
  /** No further message is given out, nor read once some are waiting, until it goes on. */
  pause(): void;
  resume(): void;
  /** Ends the call without an error. */
  end(): void;
  refuse(refusal: Refusal): void;
}

export interface CallHandler {
  message(bytes: Buffer): void;
  /** The client says nothing more; what was sent is still read. */
  halfClosed(): void;
  /** It is over, whoever ended it; nothing is told afterwards. Called once. */
  closed(): void;
}

export type Method = (call: GrpcCall) => CallHandler;

/** By path: `/package.Service/Method`. */
export type Methods = ReadonlyMap<string, Method>;
