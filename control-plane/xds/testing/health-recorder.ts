import type { ClusterReport, HealthObserver, NodeIdentity } from '../ports.ts';

/** Keeps what the streams of health reports tell, and gives it out in order. */
export class HealthRecorder implements HealthObserver {
  readonly reports: { readonly node: NodeIdentity; readonly clusters: readonly ClusterReport[] }[] = [];
  readonly ends: NodeIdentity[] = [];
  #onReport: (() => void) | undefined;

  reported(node: NodeIdentity, clusters: readonly ClusterReport[]): void {
    this.reports.push({ node, clusters });
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
