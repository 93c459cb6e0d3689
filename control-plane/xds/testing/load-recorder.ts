import type { LoadObserver, LoadReport, NodeIdentity } from '../ports.ts';

/** Keeps what the load report streams tell, and gives it out in order. */
export class LoadRecorder implements LoadObserver {
  readonly reports: { readonly node: NodeIdentity; readonly report: LoadReport }[] = [];
  readonly ends: NodeIdentity[] = [];
  #onReport: (() => void) | undefined;

  reported(node: NodeIdentity, report: LoadReport): void {
    this.reports.push({ node, report });
    this.#onReport?.();
  }

  ended(node: NodeIdentity): void {
    this.ends.push(node);
  }

  /** Resolves once so many reports came. */
  async until(count: number): Promise<void> {
    while (this.reports.length < count) {
      await new Promise<void>((resolve) => {
        this.#onReport = resolve;
      });
    }
  }
}
