/** An observer that writes down what the streams tell, in order, as short lines. */
import type { StreamInfo, StreamObserver, XdsType } from '../ports.ts';

export class Recorder implements StreamObserver {
  readonly lines: string[] = [];
  /** By id of the stream. */
  readonly open = new Map<number, StreamInfo>();
  /** ACKs and NACKs. */
  verdicts = 0;
  #waits: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  /** Resolves once the condition holds; asked now and after every event. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waits.push({ holds, resolve }));
  }

  /** How often a line was written. */
  count(line: string): number {
    return this.lines.filter((other) => other === line).length;
  }

  opened(stream: StreamInfo): void {
    this.open.set(stream.streamId, stream);
    this.#add(`opened ${stream.node.id}`);
  }

  closed(stream: StreamInfo): void {
    this.open.delete(stream.streamId);
    this.#add(`closed ${stream.node.id}`);
  }

  sent(_stream: StreamInfo, type: XdsType, _version: string, nonce: string): void {
    this.#add(`sent ${type} ${nonce}`);
  }

  acked(_stream: StreamInfo, type: XdsType, _version: string, nonce: string): void {
    this.verdicts += 1;
    this.#add(`acked ${type} ${nonce}`);
  }

  nacked(_stream: StreamInfo, type: XdsType, _version: string, nonce: string, message: string): void {
    this.verdicts += 1;
    this.#add(`nacked ${type} ${nonce} ${message}`);
  }

  current(_stream: StreamInfo, type: XdsType): void {
    this.#add(`current ${type}`);
  }

  waiting(_stream: StreamInfo, type: XdsType): void {
    this.#add(`waiting ${type}`);
  }

  #add(line: string): void {
    this.lines.push(line);
    this.#waits = this.#waits.filter(({ holds, resolve }) => {
      if (!holds()) return true;
      resolve();
      return false;
    });
  }
}
