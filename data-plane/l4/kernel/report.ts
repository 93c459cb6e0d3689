/** What is said of the kernel datapath: in the log, once, and to whoever asks. */
import type { KernelStats } from '../../telemetry/kernel-stats.ts';
import type { Carried } from './counting.ts';
import type { ListenerPlan } from './plan.ts';

export interface KernelLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What an operator sees. */
export interface KernelView {
  readonly table: string;
  readonly state: 'unused' | 'active' | 'refused' | 'draining';
  /** Why it is refused; null: it isn't. */
  readonly fault: string | null;
  /** Those that ask for it. */
  readonly listeners: readonly KernelListenerView[];
  readonly endpoints: readonly Carried[];
}

export interface KernelListenerView {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly datapath: 'kernel' | 'user';
  /** Why not all of it is in the kernel. */
  readonly reasons: readonly string[];
  /** What the kernel does not carry out of it. */
  readonly lost: readonly string[];
  /** `datapath: kernel` stands somewhere. */
  readonly insisted: boolean;
}

export class Report {
  readonly #table: string;
  readonly #stats: KernelStats;
  readonly #logger: KernelLogger;
  #views: readonly KernelListenerView[] = [];
  #fault: string | null = null;
  /** By listener. */
  #said = new Map<string, string>();

  constructor(table: string, stats: KernelStats, logger: KernelLogger) {
    this.#table = table;
    this.#stats = stats;
    this.#logger = logger;
  }

  /** Of the last attempt; null: it went well. */
  get fault(): string | null {
    return this.#fault;
  }

  view(state: Exclude<KernelView['state'], 'refused'>, endpoints: readonly Carried[]): KernelView {
    const fault = this.#fault;
    const shown = fault === null || state === 'draining' ? state : 'refused';
    return { table: this.#table, state: shown, fault, listeners: this.#views, endpoints };
  }

  /** @param plans what was to be done */
  failed(fault: string, plans: readonly ListenerPlan[]): void {
    const table = this.#table;
    this.#stats.failures.value++;
    // what is said once it works again is news
    this.#said.clear();
    if (this.#fault !== fault) {
      const message = `the kernel takes no flow, user space serves: ${fault}`;
      const loud = plans.some(({ insisted }) => insisted);
      this.#logger[loud ? 'warn' : 'info']({ event: 'kernel_refused', table, fault }, message);
    }
    this.#fault = fault;
    this.#show(plans, nobody);
  }

  /**
   * It went well, or nobody asks for it.
   * @param carried names of listeners
   */
  say(plans: readonly ListenerPlan[], carried: ReadonlySet<string>): void {
    this.#fault = null;
    const said = new Map<string, string>();
    for (const { name, reasons, lost, insisted } of plans) {
      const datapath = carried.has(name) ? 'kernel' : 'user';
      const fields = { event: 'kernel_listener', listener: name, datapath, reasons, lost };
      const text = JSON.stringify(fields);
      said.set(name, text);
      if (this.#said.get(name) === text) continue;
      // `auto` in user space is how most listeners are
      if (datapath === 'user' && !insisted && !this.#said.has(name)) continue;
      const loud = insisted && reasons.length + lost.length > 0;
      this.#logger[loud ? 'warn' : 'info'](fields, `listener ${name} is served by ${servedBy[datapath]}`);
    }
    this.#said = said;
    this.#show(plans, carried);
  }

  #show(plans: readonly ListenerPlan[], carried: ReadonlySet<string>): void {
    const { listeners, listenersRefused } = this.#stats;
    const views = plans.map(({ name, protocol, reasons, lost, insisted }): KernelListenerView => {
      return { name, protocol, datapath: carried.has(name) ? 'kernel' : 'user', reasons, lost, insisted };
    });
    this.#views = views;
    listeners.value = views.filter(({ datapath }) => datapath === 'kernel').length;
    listenersRefused.value = views.filter(({ datapath, insisted }) => insisted && datapath === 'user').length;
  }
}

const nobody: ReadonlySet<string> = new Set();
const servedBy = { kernel: 'the kernel', user: 'user space' };
