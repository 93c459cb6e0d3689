/** Keeps what nodes say of how they are, and gives them orders. */
import type { NodeIdentity, NodeOrder, NodeStateReport, StateObserver } from '../ports.ts';
import { ReportRecorder } from './report-recorder.ts';

export class StateRecorder extends ReportRecorder<NodeStateReport> implements StateObserver {
  /** What every node is told. */
  tell: (order: NodeOrder) => void = () => {};

  joined(_node: NodeIdentity, tell: (order: NodeOrder) => void): void {
    this.tell = tell;
    tell({ drainWithinMs: null });
  }
}
