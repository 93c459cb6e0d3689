/** A call by which a node tells something of itself: it introduces itself first, and nothing is taken before it is let in. */
import type { Node } from '../../proto/envoy.ts';
import type { CallHandler, GrpcCall, Method } from '../grpc/method.ts';
import { status } from '../grpc/status.ts';
import { bearerToken } from './bearer-token.ts';
import { limits } from './limits.ts';
import type { AuthorizeStream, NodeIdentity, PeerCertificate, Timers, XdsLogger } from './ports.ts';
import { introductionOf } from './requests.ts';

export interface NodeCallPorts {
  readonly authorize: AuthorizeStream;
  readonly certificateOf: (peer: string) => PeerCertificate | undefined;
  readonly timers: Timers;
  readonly logger: XdsLogger;
}

/** What a service does with the messages of its nodes. */
export interface NodeTalk<Message> {
  /** Of gRPC. */
  readonly path: string;
  /** What nodes tell, in a word or two. */
  readonly subject: string;
  /** Full name of the message. */
  readonly message: string;
  /** Throws on bytes that are no such message. */
  decode(bytes: Buffer): Message;
  /** The node is let in. Called before the message is taken; what it returns when the call is over. */
  admitted(node: NodeIdentity, first: Message, send: (bytes: Uint8Array) => void): () => void;
  taken(node: NodeIdentity, message: Message): void;
}

export class NodeCalls<Message extends { node?: Node | null }> {
  readonly #talk: NodeTalk<Message>;
  readonly #ports: NodeCallPorts;
  readonly #calls = new Set<NodeCall<Message>>();

  constructor(talk: NodeTalk<Message>, ports: NodeCallPorts) {
    this.#talk = talk;
    this.#ports = ports;
  }

  /** By gRPC method path. */
  get methods(): [string, Method][] {
    const open: Method = (call) => {
      const opened = new NodeCall(call, this.#talk, this.#ports, () => this.#calls.delete(opened));
      this.#calls.add(opened);
      return opened;
    };
    return [[this.#talk.path, open]];
  }

  /** Ends every stream without an error. */
  end(): void {
    for (const call of this.#calls) call.end();
  }
}

class NodeCall<Message extends { node?: Node | null }> implements CallHandler {
  readonly #call: GrpcCall;
  readonly #talk: NodeTalk<Message>;
  readonly #ports: NodeCallPorts;
  readonly #onClosed: () => void;
  readonly #cancelFirstRequestTimer: () => void;
  #node: NodeIdentity | undefined;
  #over = false;
  #release: () => void = () => {};

  constructor(call: GrpcCall, talk: NodeTalk<Message>, ports: NodeCallPorts, onClosed: () => void) {
    this.#call = call;
    this.#talk = talk;
    this.#ports = ports;
    this.#onClosed = onClosed;
    this.#cancelFirstRequestTimer = ports.timers.after(limits.firstRequestMs, () => {
      const seconds = limits.firstRequestMs / 1000;
      this.#refuse(status.DEADLINE_EXCEEDED, `no request came within ${seconds} s; a node introduces itself first`);
    });
  }

  end(): void {
    if (this.#finish()) this.#call.end();
  }

  halfClosed(): void {
    this.end();
  }

  closed(): void {
    this.#finish();
  }

  message(bytes: Buffer): void {
    if (this.#over) return;
    let message: Message;
    try {
      message = this.#talk.decode(bytes);
    } catch {
      this.#refuse(status.INVALID_ARGUMENT, `the request is no ${this.#talk.message}`);
      return;
    }
    if (this.#node !== undefined) {
      this.#talk.taken(this.#node, message);
      return;
    }
    this.#cancelFirstRequestTimer();
    // nothing more is read until it is known who reports
    this.#call.pause();
    void this.#admit(message)
      .then((node) => {
        if (node === undefined) return;
        this.#node = node;
        this.#release = this.#talk.admitted(node, message, (answer) => this.#call.send([answer], () => {}));
        this.#talk.taken(node, message);
        this.#call.resume();
      })
      .catch((err: unknown) => this.#fail(err));
  }

  /** A fault of this server: it ends this stream and no other. */
  #fail(err: unknown): void {
    this.#ports.logger.error({ err, node: this.#node?.id, group: this.#node?.group }, `${this.#talk.subject} failed`);
    this.#refuse(status.INTERNAL, 'the control plane failed on this stream; its log has the cause');
  }

  /** The node, or undefined if the stream is over. */
  async #admit(message: Message): Promise<NodeIdentity | undefined> {
    const { identity, token: inNode } = introductionOf(message.node ?? {});
    for (const [field, value] of [
      ['node.id', identity.id],
      ['node.cluster', identity.group],
    ] as const) {
      if (value !== '' && value.length <= limits.nodeNameLength) continue;
      const wrong = value === '' ? 'empty' : `longer than ${limits.nodeNameLength} characters`;
      this.#refuse(status.INVALID_ARGUMENT, `${field} is ${wrong} in the first request of the stream`);
      return undefined;
    }
    const { authorize, certificateOf, logger } = this.#ports;
    const { subject } = this.#talk;
    const token = bearerToken(this.#call) ?? inNode;
    let verdict: Awaited<ReturnType<AuthorizeStream>>;
    try {
      verdict = await authorize(token, identity, certificateOf(this.#call.peer));
    } catch (err) {
      logger.error({ err, node: identity.id, group: identity.group }, `authorisation of ${subject} failed`);
      this.#refuse(status.UNAVAILABLE, 'the token cannot be checked at the moment; try again');
      return undefined;
    }
    if (this.#over) return undefined;
    if (verdict.ok) return identity;
    const { code, message: why } = verdict;
    logger.warn({ code, node: identity.id, group: identity.group }, `${subject} refused: ${why}`);
    this.#refuse(code === 'unauthenticated' ? status.UNAUTHENTICATED : status.PERMISSION_DENIED, why);
    return undefined;
  }

  #refuse(code: number, details: string): void {
    if (this.#finish()) this.#call.refuse({ code, details: details.slice(0, limits.statusLength) });
  }

  /** False if it was over before. */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#cancelFirstRequestTimer();
    this.#release();
    this.#onClosed();
    return true;
  }
}
