/** How much the peer may still send (RFC 9113 section 5.2), and when it is told that it may send more. */
import { ConnectionError, errorCodes } from './errors.ts';
import { defaultWindowBytes } from './frames.ts';
import type { Sender } from './sender.ts';
import type { StreamRecord } from './stream.ts';

export class Credit<State> {
  readonly #sender: Sender<State>;
  readonly #connectionWindow: number;
  #window: number;
  #creditBytes = 0;
  /** Of a new stream. Before the peer has acknowledged our settings it may count on the default. */
  streamWindow = defaultWindowBytes;

  constructor(sender: Sender<State>, connectionWindow: number) {
    this.#sender = sender;
    this.#connectionWindow = Math.max(connectionWindow, defaultWindowBytes);
    this.#window = this.#connectionWindow;
    const more = this.#connectionWindow - defaultWindowBytes;
    if (more > 0) sender.output.windowUpdate(0, more);
  }

  /** @throws ConnectionError if the peer was not allowed so many */
  received(frameBytes: number): void {
    this.#window -= frameBytes;
    if (this.#window >= 0) return;
    throw new ConnectionError(errorCodes.FLOW_CONTROL_ERROR, 'The window of the connection is overrun.');
  }

  /** The peer has acknowledged the setting. */
  changeStreamWindow(bytes: number, open: Iterable<StreamRecord<State>>): void {
    const more = bytes - this.streamWindow;
    this.streamWindow = bytes;
    for (const stream of open) {
      stream.receiveWindow += more;
      // what was too little to be told may be all that the peer waits for now
      this.consumed(stream, 0);
    }
  }

  /** Bytes that no stream waits for. */
  unused(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes * 2 < this.#connectionWindow) return;
    this.#sender.output.windowUpdate(0, this.#creditBytes);
    this.#sender.mark();
    this.#window += this.#creditBytes;
    this.#creditBytes = 0;
  }

  consumed(stream: StreamRecord<State>, bytes: number): void {
    const count = Math.min(bytes, stream.unconsumedBytes);
    stream.unconsumedBytes -= count;
    if (count > 0) this.unused(count);
    if (stream.isOver || stream.isEndReceived) return;
    stream.creditBytes += count;
    if (stream.creditBytes * 2 < this.streamWindow || stream.creditBytes === 0) return;
    this.#sender.output.windowUpdate(stream.id, stream.creditBytes);
    this.#sender.mark();
    stream.receiveWindow += stream.creditBytes;
    stream.creditBytes = 0;
  }
}
