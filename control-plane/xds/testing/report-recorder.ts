/** Keeps what nodes report, of their loads or of the health of their endpoints. */
import type { NodeIdentity } from '../ports.ts';

export class ReportRecorder<Report> {
  readonly reports: { readonly node: NodeIdentity; readonly report: Report }[] = [];
  readonly ends: NodeIdentity[] = [];
  #onReport: (() => void) | undefined;

  reported(node: NodeIdentity, report: Report): void {
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
