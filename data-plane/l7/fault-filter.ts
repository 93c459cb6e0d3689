/** Faults on purpose: a route's requests are delayed, or answered with an error, by chance. */
import type { FaultConfig, RouteConfig } from '../model/config.ts';
import type { Filter, FilterRequest, RequestFilter } from './filter.ts';

export const faultFilter: Filter = {
  begin: (route: RouteConfig | null): RequestFilter | null =>
    route === null || route.fault === null ? null : new Fault(route.fault),
};

class Fault implements RequestFilter {
  readonly #config: FaultConfig;

  constructor(config: FaultConfig) {
    this.#config = config;
  }

  onRequestHead(request: FilterRequest): void {
    const { delay } = this.#config;
    if (delay === null || request.random() >= delay.fraction) {
      this.#abort(request);
      return;
    }
    request.wait();
    request.noteDelay();
    request.after(delay.ms, () => {
      this.#abort(request);
      request.go();
    });
  }

  #abort(request: FilterRequest): void {
    const { abort } = this.#config;
    if (abort === null || request.random() >= abort.fraction) return;
    request.answer({ status: abort.status, body: 'fault filter abort', details: 'fault_filter_abort', flag: 'FI' });
  }
}
