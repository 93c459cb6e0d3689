/** What an endpoint has said of its own load, and how it has done of late. */

/** Of an endpoint; of a zone, which has many of them. */
const lastRequests = { endpoint: 16, zone: 256 } as const;

export class TrackRecord {
  /** Of the zone where it stands; null: it is one itself, or stands nowhere. */
  zone: TrackRecord | null = null;
  /** Weight of the newest request in the share of those that went well: about so many of the last ones count. */
  readonly #newest: number;
  /** As it said last, 1 is all that it should bear; -1: it has said nothing. */
  utilization = -1;
  /** Monotonic milliseconds. */
  reportedAtMs = 0;
  /** Of its requests, 0 to 1; older ones fade. */
  successShare = 1;
  /** Monotonic milliseconds; -Infinity: never. */
  failedAtMs = Number.NEGATIVE_INFINITY;

  constructor(of: keyof typeof lastRequests = 'endpoint') {
    this.#newest = 1 / lastRequests[of];
  }

  report(utilization: number, nowMs: number): void {
    this.utilization = utilization;
    this.reportedAtMs = nowMs;
  }

  /** A request is over. */
  count(wentWell: boolean, nowMs: number): void {
    this.successShare += ((wentWell ? 1 : 0) - this.successShare) * this.#newest;
    if (!wentWell) this.failedAtMs = nowMs;
    this.zone?.count(wentWell, nowMs);
  }
}
