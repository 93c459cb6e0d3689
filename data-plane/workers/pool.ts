/** The workers of a node: threads that carry its traffic. What they are told, what they tell, and who follows one that dies. */
import type { NodeLimits } from '../limits.ts';
import type { ProxyConfig } from '../model/config.ts';
import type { Logger } from '../runtime/logger.ts';
import { clearRow, newRows } from '../telemetry/common-rows.ts';
import type { NodeStats } from '../telemetry/node-stats.ts';
import type { Counter } from '../telemetry/registry.ts';
import type { Finding } from '../upstream/outcomes.ts';
import type { HostCountsBook } from './common-host-counts.ts';
import { clearOpenCounts } from './common-open-counts.ts';
import { ConfigSender, prefixesOf } from './config-message.ts';
import { limits } from './limits.ts';
import type { LogWriter } from './log-lines.ts';
import type { CheckedStates, FailedListener, FromWorker, ToWorker, WorkerData, WorkerView } from './messages.ts';

/** A thread that runs. */
export interface WorkerThread {
  post(message: ToWorker): void;
  /** Ends it, whatever it is doing; the reason is that of its end. */
  terminate(reason: string): void;
}

export interface WorkerEvents {
  readonly onMessage: (message: FromWorker) => void;
  /** Once; nothing comes after it. */
  readonly onEnd: (reason: string) => void;
}

export interface WorkerPoolDeps {
  readonly count: number;
  readonly spawn: (data: WorkerData, events: WorkerEvents) => WorkerThread;
  readonly stats: NodeStats;
  readonly logs: LogWriter;
  readonly logger: Logger;
  readonly restarts: Counter;
  /** What is known of the health of endpoints now. */
  readonly health: () => CheckedStates;
  readonly limits: NodeLimits;
  /** Files, loaded by each worker. */
  readonly filters: readonly string[];
  readonly zone: string;
  readonly sessionKeys: readonly Uint8Array[];
  /** What the workers count the open connections in, as of `newOpenCounts`. */
  readonly open: SharedArrayBuffer;
  readonly counts: HostCountsBook;
  readonly onFinding: (cluster: string, key: string, finding: Finding) => void;
  /** A worker has applied a configuration, or is no more. */
  readonly onProgress: () => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Calls back once; must not keep the process alive. */
  readonly setTimer: (callback: () => void, ms: number) => void;
}

/** One life of a worker. */
interface Life {
  readonly worker: number;
  readonly thread: WorkerThread;
  readonly sender: ConfigSender;
  readonly startedAtMs: number;
  /** Calls that it did not answer yet; not a time, because the whole process may have been stopped for a while. */
  calls: number;
  /** Number of the configuration. */
  applied: number;
  failed: readonly FailedListener[];
  drained: boolean;
  readonly asked: Map<number, PromiseWithResolvers<WorkerView | null>>;
}

/** What an operator sees of a worker. */
export interface WorkerState {
  readonly worker: number;
  readonly state: 'starting' | 'serving' | 'draining' | 'dead';
  readonly restarts: number;
  /** Why it died the last time; null: it never did. */
  readonly lastEnd: string | null;
}

interface Slot {
  readonly worker: number;
  life: Life | null;
  restarts: number;
  /** Deaths without a steady life in between. */
  deaths: number;
  lastEnd: string | null;
}

export class WorkerPool {
  readonly #deps: WorkerPoolDeps;
  readonly #slots: readonly Slot[];
  /** What the workers count in common, by the prefix of its stats. */
  readonly #rows = new Map<string, SharedArrayBuffer>();
  #config: ProxyConfig | null = null;
  /** Of the newest configuration. */
  #number = 0;
  #questions = 0;
  /** Or stopping: who dies is not replaced. */
  #draining = false;
  /** How long connections may stay while clients are asked to go elsewhere; null: they are not. */
  #announcedMs: number | null = null;
  readonly #waiting: (() => void)[] = [];

  constructor(deps: WorkerPoolDeps) {
    this.#deps = deps;
    this.#slots = Array.from({ length: deps.count }, (_, index) => {
      return { worker: index + 1, life: null, restarts: 0, deaths: 0, lastEnd: null };
    });
  }

  start(): void {
    for (const slot of this.#slots) this.#start(slot);
    this.#deps.setTimer(() => this.#callAll(), limits.callMs);
  }

  apply(config: ProxyConfig): void {
    this.#config = config;
    this.#number++;
    const prefixes = prefixesOf(config);
    for (const prefix of this.#rows.keys()) if (!prefixes.has(prefix)) this.#rows.delete(prefix);
    this.#deps.counts.take(config);
    for (const life of this.#lives) this.#sendConfig(life, config);
  }

  tell(message: ToWorker): void {
    for (const { thread } of this.#lives) thread.post(message);
  }

  /** Somebody serves, be it an older configuration. */
  get serving(): boolean {
    return this.#lives.some(({ applied }) => applied > 0);
  }

  /** Every worker has applied the newest configuration. */
  get settled(): boolean {
    return this.#slots.every(({ life }) => life !== null && life.applied === this.#number);
  }

  /** Listeners that a worker could not bind. */
  get failed(): readonly FailedListener[] {
    return this.#lives.flatMap(({ failed }) => failed);
  }

  get states(): readonly WorkerState[] {
    return this.#slots.map(({ worker, life, restarts, lastEnd }) => {
      return { worker, state: this.#stateOf(life), restarts, lastEnd };
    });
  }

  /** What each worker has at hand. Rejects where one doesn't answer soon. */
  async ask(): Promise<readonly WorkerView[]> {
    const number = ++this.#questions;
    const lives = this.#lives;
    const answers = lives.map((life) => {
      const answer = Promise.withResolvers<WorkerView | null>();
      life.asked.set(number, answer);
      life.thread.post({ type: 'ask', number });
      return answer.promise;
    });
    const giveUp = (): void => {
      for (const { worker, asked } of lives) {
        asked.get(number)?.reject(new Error(`worker ${worker} does not answer: it is busy, or stuck; ask again`));
        asked.delete(number);
      }
    };
    // answers that are here are read before: the whole process may have been stopped for a while
    this.#deps.setTimer(() => this.#deps.setTimer(giveUp, 0), limits.answerMs);
    return (await Promise.all(answers)).filter((view) => view !== null);
  }

  announce(timeoutMs: number): void {
    this.#announcedMs = timeoutMs;
    this.tell({ type: 'announce', timeoutMs });
  }

  resume(): void {
    this.#announcedMs = null;
    this.tell({ type: 'resume' });
  }

  /** Resolves when no worker has a connection left, or the time is over; none is replaced from now on. */
  drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.tell({ type: 'drain', timeoutMs });
    // one that is stuck says nothing
    const late = new Promise<void>((resolve) => this.#deps.setTimer(resolve, timeoutMs + limits.answerMs));
    return Promise.race([late, this.#until(() => this.#lives.every(({ drained }) => drained))]);
  }

  /** Ends every worker. */
  async stop(): Promise<void> {
    this.#draining = true;
    this.tell({ type: 'stop' });
    this.#deps.setTimer(() => {
      for (const { thread } of this.#lives) thread.terminate('it did not stop');
    }, limits.stopMs);
    await this.#until(() => this.#lives.length === 0);
  }

  get #lives(): readonly Life[] {
    return this.#slots.flatMap(({ life }) => life ?? []);
  }

  #stateOf(life: Life | null): WorkerState['state'] {
    if (life === null) return 'dead';
    if (this.#draining) return 'draining';
    return life.applied > 0 ? 'serving' : 'starting';
  }

  #start(slot: Slot): void {
    const { count, spawn, health, limits, filters, zone, sessionKeys, open, counts, now } = this.#deps;
    const data = { number: slot.worker, workers: count, health: health(), limits, filters, zone, sessionKeys, open };
    const thread = spawn(data, {
      onMessage: (message) => this.#take(life, message),
      onEnd: (reason) => this.#ended(slot, life, reason),
    });
    const life: Life = {
      worker: slot.worker,
      thread,
      sender: new ConfigSender(
        (prefix) => this.#rowsOf(prefix),
        () => counts.chunks,
      ),
      startedAtMs: now(),
      calls: 0,
      applied: 0,
      failed: [],
      drained: false,
      asked: new Map(),
    };
    slot.life = life;
    if (this.#announcedMs !== null) thread.post({ type: 'announce', timeoutMs: this.#announcedMs });
    if (this.#config !== null) this.#sendConfig(life, this.#config);
  }

  /** Who is stuck still has its share of new connections dealt to it: it is as good as dead. */
  #callAll(): void {
    const silentMs = limits.stuckCalls * limits.callMs;
    for (const life of this.#lives) {
      if (life.calls++ < limits.stuckCalls) life.thread.post({ type: 'call' });
      else life.thread.terminate(`it did not answer for ${silentMs / 1000} s`);
    }
    if (!this.#draining) this.#deps.setTimer(() => this.#callAll(), limits.callMs);
  }

  #rowsOf(prefix: string): SharedArrayBuffer {
    let rows = this.#rows.get(prefix);
    if (rows === undefined) this.#rows.set(prefix, (rows = newRows(this.#deps.count)));
    return rows;
  }

  #sendConfig({ thread, sender }: Life, config: ProxyConfig): void {
    thread.post({ type: 'config', number: this.#number, config: sender.next(config) });
  }

  #take(life: Life, message: FromWorker): void {
    const { stats, logs, logger, onProgress } = this.#deps;
    switch (message.type) {
      case 'stats':
        stats.take(life, message.news);
        break;
      case 'lines': {
        const { number, path, batch, lines } = message;
        void logs.write(life, path, batch, lines).then(() => life.thread.post({ type: 'written', number }));
        break;
      }
      case 'linesEnd':
        logs.leave(life, message.path);
        break;
      case 'log':
        logger[message.level]({ ...message.fields, worker: life.worker }, message.message);
        break;
      case 'applied':
        life.applied = message.number;
        life.failed = message.failed;
        if (this.settled) stats.settle();
        onProgress();
        break;
      case 'finding':
        this.#deps.onFinding(message.cluster, message.key, message.finding);
        break;
      case 'here':
        life.calls = 0;
        break;
      case 'view':
        life.asked.get(message.number)?.resolve(message.view);
        life.asked.delete(message.number);
        break;
      case 'drained':
        life.drained = true;
        this.#goOn();
        break;
    }
  }

  #ended(slot: Slot, life: Life, reason: string): void {
    const { stats, logs, logger, open, counts, restarts, now, setTimer, onProgress } = this.#deps;
    slot.life = null;
    stats.lose(life);
    for (const rows of this.#rows.values()) clearRow(rows, slot.worker - 1);
    clearOpenCounts(open, slot.worker - 1);
    counts.clear(slot.worker - 1);
    logs.leave(life, null);
    for (const answer of life.asked.values()) answer.resolve(null);
    this.#goOn();
    if (this.#draining) return;
    slot.lastEnd = reason;
    slot.deaths = now() - life.startedAtMs >= limits.steadyMs ? 1 : slot.deaths + 1;
    const restartMs = restartAfterMs(slot.deaths);
    logger.error(
      { event: 'worker_died', worker: slot.worker, reason, restartMs },
      'a worker died: its connections are cut, those of the others go on; it is started anew',
    );
    onProgress();
    setTimer(() => {
      if (this.#draining) return;
      slot.restarts++;
      restarts.value++;
      this.#start(slot);
    }, restartMs);
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (isSo()) resolve();
        else this.#waiting.push(look);
      };
      look();
    });
  }

  #goOn(): void {
    for (const look of this.#waiting.splice(0)) look();
  }
}

/** @param deaths in a row, 1 or more */
export function restartAfterMs(deaths: number): number {
  return Math.min(limits.restartMs * 2 ** (deaths - 1), limits.restartMostMs);
}
