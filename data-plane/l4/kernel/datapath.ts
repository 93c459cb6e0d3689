/**
 * The kernel datapath of a node: keeps its table as the configuration and the health of endpoints want it, says that the
 * node is alive, reads counters back. The sockets of user space stay open beneath: whatever the kernel doesn't take, or
 * takes no longer, they do.
 */
import type { ProxyConfig } from '../../model/config.ts';
import type { KernelStats } from '../../telemetry/kernel-stats.ts';
import type { StatsRegistry } from '../../telemetry/registry.ts';
import type { Cluster } from '../../upstream/cluster.ts';
import { Counting } from './counting.ts';
import { flowsLeft, portOf } from './flows.ts';
import { limits } from './limits.ts';
import { tableOf } from './names.ts';
import { NoTable, type System } from './nft.ts';
import { type ListenerPlan, planOf } from './plan.ts';
import { readCounts, readTable } from './read-back.ts';
import { type KernelLogger, type KernelView, Report } from './report.ts';
import { type Table, wantedTable } from './ruleset.ts';
import { type BoundListener, Serving } from './serving.ts';
import { Tally } from './tally.ts';
import { closing, removal, transaction } from './transaction.ts';

export interface KernelDeps {
  /** Of the node. */
  readonly id: string;
  readonly zone: string;
  readonly system: System;
  readonly clusters: { get(name: string): Cluster | undefined };
  /** Where listeners are bound. */
  readonly bound: () => readonly BoundListener[];
  readonly registry: StatsRegistry;
  readonly stats: KernelStats;
  readonly logger: KernelLogger;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly setTimer: (callback: () => void, ms: number) => void;
  /** Calls back in the next turn of the loop. */
  readonly soon: (callback: () => void) => void;
}

export class KernelDatapath {
  readonly #deps: KernelDeps;
  readonly #table: string;
  readonly #serving: Serving;
  readonly #counting: Counting;
  readonly #report: Report;
  readonly #tallies = new Map<string, Tally>();
  /** Of all listeners that the kernel has carried. */
  readonly #ports = new Set<string>();
  #config: ProxyConfig | null = null;
  #plans: readonly ListenerPlan[] = [];
  /** null: there is none; undefined: that has to be found out. */
  #stands: Table | null | undefined = undefined;
  #working: Promise<void> | null = null;
  #isDue = false;
  #asks = false;
  #ticks = false;
  #refreshedMs = 0;
  #countedMs = 0;
  #draining = false;

  constructor(deps: KernelDeps) {
    this.#deps = deps;
    this.#table = tableOf(deps.id);
    this.#serving = new Serving(deps);
    this.#counting = new Counting(deps.registry, deps.stats);
    this.#report = new Report(this.#table, deps.stats, deps.logger);
  }

  /** A configuration that has been applied. */
  take(config: ProxyConfig): void {
    this.#config = config;
    this.#wake();
  }

  get view(): KernelView {
    const stands = (this.#stands ?? null) !== null;
    return this.#report.view(this.#draining ? 'draining' : stands ? 'active' : 'unused', this.#counting.carried);
  }

  /** Some of the flows that come are not seen coming. */
  get carries(): boolean {
    return this.#asks && (this.#stands ?? null) !== null;
  }

  /** Takes no new flow; resolves when none is left and the table is gone, or the time is over: then it stays for them. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    await this.#working;
    if (this.#asks) this.#stands ??= await this.#read().catch(() => null);
    if ((this.#stands ?? null) === null) return;
    const { now, setTimer, logger } = this.#deps;
    const endMs = now() + timeoutMs;
    const table = this.#table;
    try {
      await this.#nft(closing(table));
      for (;;) {
        const left = await this.#flowsLeft();
        if (left === 0) {
          await this.#remove();
          return;
        }
        if (now() >= endMs) {
          logger.warn({ event: 'kernel_flows_left', table, flows: left }, flowsLeftText);
          return;
        }
        await new Promise<void>((resolve) => setTimer(resolve, limits.drainLookMs));
      }
    } catch (error) {
      this.#failed((error as Error).message);
    }
  }

  #wake(): void {
    this.#isDue = true;
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    while (this.#isDue && !this.#draining) {
      this.#isDue = false;
      this.#refreshedMs = this.#deps.now();
      try {
        await this.#reconcile();
      } catch (error) {
        this.#failed((error as Error).message);
      }
    }
    this.#working = null;
    this.#keepTicking();
  }

  async #reconcile(): Promise<void> {
    const { clusters, listeners } = this.#config!;
    const now = new Map([...clusters].map(([name, one]) => [name, this.#deps.clusters.get(name)?.config ?? one]));
    const plans = [...listeners.values()].flatMap((one) => planOf(one, now) ?? []);
    this.#plans = plans;
    this.#asks = plans.some(({ ways }) => ways.length > 0);
    if (!this.#asks) {
      await this.#leave();
      this.#report.say(plans, nobody);
      return;
    }
    const fault = this.#deps.system.fault();
    if (fault !== null) {
      this.#failed(fault);
      return;
    }
    if (this.#stands === undefined) this.#stands = await this.#read();
    const { services, occupied, plans: final } = await this.#serving.look(plans);
    const wanted = wantedTable(services, this.#serving.clusters, occupied);
    const before = this.#stands;
    await this.#nft(transaction(this.#table, before, wanted));
    this.#countChange(before, wanted);
    this.#stands = wanted;
    this.#keepPorts(wanted);
    this.#counting.expect(services, this.#deps.clusters);
    await this.#beginCounting(before);
    this.#report.say(final, new Set(services.map(({ plan }) => plan.name)));
  }

  /** What an earlier life of the node had counted is read at once, so that it is not counted again. */
  async #beginCounting(before: Table | null): Promise<void> {
    let adopted = false;
    for (const name of this.#stands!.counted.keys()) {
      const at = name.split('-')[1]!;
      if (this.#tallies.has(at)) continue;
      const fresh = before === null || !before.counted.has(name);
      this.#tallies.set(at, new Tally(fresh));
      adopted ||= !fresh;
    }
    if (adopted) await this.#readCounts();
  }

  #countChange(before: Table | null, wanted: Table): void {
    const { stats } = this.#deps;
    let slots = 0;
    for (const [name, now] of wanted.slots) {
      const then = before?.slots.get(name);
      for (let slot = 0; slot < now.length; slot++) if (then?.[slot] !== now[slot]) slots++;
    }
    stats.slotsChanged.value += slots;
    const rules = (table: Table | null): string => JSON.stringify([...(table?.marks ?? [])]);
    if (slots > 0 || rules(before) !== rules(wanted)) stats.changes.value++;
  }

  async #read(): Promise<Table | null> {
    try {
      const table = readTable(await this.#deps.system.nft(['-j', 'list', 'table', 'inet', this.#table]));
      this.#keepPorts(table);
      return table;
    } catch (error) {
      if (error instanceof NoTable) return null;
      throw error;
    }
  }

  /** Nobody asks for the kernel, now or any more: what flows goes on, then the table goes. */
  async #leave(): Promise<void> {
    this.#serving.forget();
    if (this.#stands === undefined && this.#deps.system.fault() !== null) return;
    // of an earlier life; where nobody asks for the kernel it is no fault if it can't be asked
    if (this.#stands === undefined) this.#stands = await this.#read().catch(() => null);
    if (this.#stands === null) return;
    await this.#nft(closing(this.#table));
    if ((await this.#flowsLeft()) === 0) await this.#remove();
  }

  async #remove(): Promise<void> {
    await this.#nft(removal(this.#table));
    this.#stands = null;
    this.#tallies.clear();
    this.#counting.expect([], this.#deps.clusters);
    this.#deps.logger.info({ event: 'kernel_table_removed', table: this.#table }, 'the table in nftables is gone');
  }

  /** null: the system does not tell. */
  async #flowsLeft(): Promise<number | null> {
    const list = await this.#deps.system.flows().catch(() => null);
    return list === null ? null : flowsLeft(list, this.#ports);
  }

  #keepPorts({ counted }: Table): void {
    for (const [name, keys] of counted) {
      const protocol = name.split('-')[1]!.slice(0, 3);
      for (const key of keys) this.#ports.add(portOf(protocol, key));
    }
  }

  async #nft(script: string): Promise<void> {
    await this.#deps.system.nft(['-f', '-'], script);
  }

  /** User space serves: the rules are not there, or will soon take nothing. What stands is looked at anew. */
  #failed(fault: string): void {
    this.#stands = undefined;
    this.#report.failed(fault, this.#plans);
  }

  #keepTicking(): void {
    const { setTimer } = this.#deps;
    const idle = !this.#asks && (this.#stands ?? null) === null;
    if (this.#ticks || this.#draining || idle) return;
    this.#ticks = true;
    setTimer(() => {
      this.#ticks = false;
      this.#tick();
      this.#keepTicking();
    }, limits.followMs);
  }

  #tick(): void {
    if (this.#draining || this.#working !== null) return;
    const nowMs = this.#deps.now();
    if (nowMs - this.#refreshedMs >= limits.refreshMs || (this.#report.fault === null && this.#serving.isOld())) {
      this.#wake();
    } else if (nowMs - this.#countedMs >= limits.countMs && (this.#stands ?? null) !== null) {
      this.#countedMs = nowMs;
      this.#working = this.#count().finally(() => {
        this.#working = null;
        if (this.#isDue) this.#wake();
      });
    }
  }

  async #count(): Promise<void> {
    try {
      await this.#readCounts();
    } catch {
      // somebody took the table away, it seems: look, and put it back
      this.#stands = undefined;
      this.#wake();
    }
  }

  async #readCounts(): Promise<void> {
    const list = async (set: string): Promise<ReturnType<typeof readCounts>> =>
      readCounts(await this.#deps.system.nft(['-j', 'list', 'set', 'inet', this.#table, set]));
    for (const [at, tally] of this.#tallies) {
      if (!this.#stands!.counted.has(`flows-${at}`)) continue;
      for (const one of tally.take(await list(`flows-${at}`), await list(`traffic-${at}`))) {
        this.#counting.add(at.slice(0, 3), one);
      }
    }
  }
}

const nobody: ReadonlySet<string> = new Set();
const flowsLeftText =
  'flows of the kernel are left: the table stays for them and takes no new ones; the next start of this node takes it up, `fairlead data-plane uninstall` removes it';
