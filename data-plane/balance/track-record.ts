/** What an endpoint has said of its own load, and how it has done of late. */

/** Weight of the newest request in the share of those that went well: about the last sixteen count. */
const newest = 1 / 16;

export class TrackRecord {
  /** As it said last, 1 is all that it should bear; -1: it has said nothing. */
  utilization = -1;
  /** Monotonic milliseconds. */
  reportedAtMs = 0;
  /** Of its requests, 0 to 1; older ones fade. */
  successShare = 1;
  /** Monotonic milliseconds; -Infinity: never. */
  failedAtMs = Number.NEGATIVE_INFINITY;

  report(utilization: number, nowMs: number): void {
    this.utilization = utilization;
    this.reportedAtMs = nowMs;
  }

  /** A request is over. */
  count(wentWell: boolean, nowMs: number): void {
    this.successShare += ((wentWell ? 1 : 0) - this.successShare) * newest;
    if (!wentWell) this.failedAtMs = nowMs;
  }
}
