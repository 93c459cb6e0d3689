/** What a cluster sends where, counted for load reports: one object a zone, held by the endpoints in it. */

export class LocalityLoad {
  readonly zone: string;
  /** Since the start; requests (HTTP) or connections (TCP). */
  issued = 0;
  successful = 0;
  errors = 0;
  inProgress = 0;

  constructor(zone: string) {
    this.zone = zone;
  }

  begin(): void {
    this.issued++;
    this.inProgress++;
  }

  /** `cancelled`: the client gave up before the endpoint had answered, which says nothing of the endpoint. */
  end(outcome: 'success' | 'error' | 'cancelled'): void {
    this.inProgress--;
    if (outcome === 'success') this.successful++;
    else if (outcome === 'error') this.errors++;
  }
}
