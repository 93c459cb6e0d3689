/** One churn: a control plane, proxies of its group under traffic, and a seeded sequence of changes to the documents. */
import { fileURLToPath } from 'node:url';
import { randomFrom } from '../../control-plane/model/testing.ts';
import { startEnvoy } from '../support/envoy.ts';
import {
  type Cleanup,
  type ControlPlaneProcess,
  run,
  startControlPlane,
  startDataPlane,
  waitFor,
} from '../support/fairlead.ts';
import { startBackends } from './backends.ts';
import { Churn, type Random } from './changes.ts';
import { countFlags, type FlagCounts } from './flags.ts';
import { Timeline } from './timeline.ts';
import { type Failure, Traffic } from './traffic.ts';
import { documentsOf, group, hostsOf, listener, type World } from './world.ts';

export interface ChurnOptions {
  readonly seed: number;
  readonly changes: number;
  /** The control plane is killed in the middle of a write, and started again, so many times on the way. */
  readonly kills: number;
  /** It is killed whatever is on its way to the proxies, not only when they have what was written before. */
  readonly rude: boolean;
  /** The control plane waits longer for acknowledgements than it does by itself. */
  readonly patient: boolean;
  /** Envoy takes part, by these variants of ADS. */
  readonly envoys: readonly ('delta' | 'sotw')[];
}

export interface ProxyReport {
  readonly proxy: string;
  readonly served: number;
  /** Answered 404, for hosts that were away. */
  readonly absent: number;
  /** Judged by one state of the documents alone; the others by two or more that followed each other. */
  readonly exact: number;
  readonly failures: readonly Failure[];
  /** Requests by response flag, from the access log. */
  readonly flags: FlagCounts;
}

export interface ChurnReport {
  readonly changes: number;
  readonly seconds: number;
  /** How often everything written was acknowledged by every proxy. */
  readonly settled: number;
  readonly proxies: readonly ProxyReport[];
}

const backendCount = 6;
const connections = 3;
const exactAtEnd = 100;

const patience = fileURLToPath(new URL('./patience.ts', import.meta.url));

/** Starts a control plane, where an earlier one was or anywhere. */
type Start = (places: { home?: string; api?: string; xds?: string }) => Promise<ControlPlaneProcess>;

interface Proxy {
  readonly name: string;
  readonly port: number;
  /** Its access log so far. */
  readonly log: () => string;
}

/** Throws if a write is refused, or a proxy refuses what it was sent. */
export async function churn(cleanup: Cleanup, options: ChurnOptions): Promise<ChurnReport> {
  const { seed, changes, kills } = options;
  const random = randomFrom(seed);
  const noise = randomFrom(seed + 1);
  const { ports } = await startBackends(cleanup, backendCount, noise);
  const sequence = new Churn(random, backendCount);
  const env: Record<string, string> = options.patient ? { NODE_OPTIONS: `--import=${patience}` } : {};
  const start: Start = (places) => startControlPlane(cleanup, { ...places, env });
  const fleet = new Fleet(start, await start({}), ports);
  await fleet.write('the beginning', sequence.world);
  const proxies = await startProxies(cleanup, fleet.controlPlane, options.envoys);
  fleet.expected = proxies.length;
  await fleet.settle();

  const traffics = proxies.map(
    (proxy) => new Traffic(proxy, hostsOf(sequence.world), fleet.timeline, noise, connections),
  );
  const startMs = performance.now();
  const killAt = new Set(Array.from({ length: kills }, (_, n) => Math.floor(((n + 1) * changes) / (kills + 1))));
  for (let step = 0; step < changes; step++) {
    const { label, world } = sequence.next();
    if (killAt.has(step) && !options.rude) await fleet.settle();
    if (killAt.has(step)) await fleet.killWhileWriting(label, world);
    else await fleet.write(label, world);
    // most changes overtake each other on their way, some find everybody at rest
    if (random() < 0.3) await fleet.settle();
  }
  await fleet.settle();
  const seconds = (performance.now() - startMs) / 1_000;
  // in the end everybody does what the documents say, and nothing else
  const exact = traffics.map((traffic) => traffic.exact);
  await waitFor('requests after the last change', () =>
    traffics.every((traffic, at) => traffic.exact >= exact[at]! + exactAtEnd) ? true : undefined,
  );
  await Promise.all(traffics.map((traffic) => traffic.stop()));
  const reports = await Promise.all(
    proxies.map(async ({ name, log }, at): Promise<ProxyReport> => {
      const { served, absent, exact: judged, failures } = traffics[at]!;
      const flags = await waitFor(`the access log of ${name}`, () => {
        const counts = countFlags(log());
        return counts.requests >= served + absent ? counts : undefined;
      });
      return { proxy: name, served, absent, exact: judged, failures, flags };
    }),
  );
  return { changes, seconds, settled: fleet.settled, proxies: reports };
}

/** The control plane and what it was told. */
class Fleet {
  readonly timeline = new Timeline();
  readonly #start: Start;
  readonly #ports: readonly number[];
  controlPlane: ControlPlaneProcess;
  #revision = 0;
  expected = 0;
  settled = 0;

  constructor(start: Start, controlPlane: ControlPlaneProcess, ports: readonly number[]) {
    this.#start = start;
    this.controlPlane = controlPlane;
    this.#ports = ports;
  }

  async write(label: string, world: World): Promise<void> {
    this.timeline.write(label, world, performance.now());
    await this.#send(world);
  }

  async #send(world: World): Promise<void> {
    const documents = documentsOf(world, this.#ports);
    const { revision } = await this.controlPlane.rest<{ revision: number }>('POST', '/v1/apply?prune=true', documents);
    this.#revision = revision;
  }

  /** The write may have been taken or not: after the restart it is made again. */
  async killWhileWriting(label: string, world: World): Promise<void> {
    const { home, api, xds, program } = this.controlPlane;
    const written = this.write(`kill -9; ${label}`, world).catch(() => undefined);
    program.child.kill('SIGKILL');
    await Promise.all([written, program.ended]);
    this.controlPlane = await this.#start({ home, api: api.replace('http://', ''), xds });
    await this.#send(world);
  }

  /** Until every proxy has acknowledged what was written last. */
  async settle(): Promise<void> {
    const revision = this.#revision;
    await waitFor(`revision ${revision} to be acknowledged by every proxy`, async () => {
      const { state, groups } = await this.controlPlane.rest<Rollout>('GET', `/v1/rollouts/${revision}`);
      const problems = groups.flatMap((one) => one.problems);
      if (state === 'failed') throw new Error(`revision ${revision}: ${problems.join('; ')}`);
      // a revision that changes nothing for the group is complete, however far those before it are
      const synced = groups.reduce((sum, { nodes }) => sum + nodes.synced, 0);
      return state === 'complete' && synced === this.expected ? true : undefined;
    });
    this.timeline.settle(performance.now());
    this.settled++;
  }
}

interface Rollout {
  readonly state: string;
  readonly groups: readonly { readonly nodes: { readonly synced: number }; readonly problems: readonly string[] }[];
}

async function startProxies(
  cleanup: Cleanup,
  controlPlane: ControlPlaneProcess,
  variants: ChurnOptions['envoys'],
): Promise<Proxy[]> {
  const ours = await startDataPlane(cleanup, controlPlane, group, 'ours');
  const proxies: Proxy[] = [{ name: 'ours', port: await ours.port(listener), log: ours.program.stdout }];
  for (const variant of variants) {
    const name = `envoy-${variant}`;
    const args = ['--group', group, '--id', name, '--variant', variant, '--xds', controlPlane.xds];
    const printed = await run(['bootstrap', 'envoy', ...args], controlPlane.env);
    const envoy = await startEnvoy({ bootstrap: printed.stdout });
    cleanup.add(() => envoy.stop());
    proxies.push({ name, port: await envoy.listenerPort(listener), log: envoy.logs });
  }
  return proxies;
}

export function seedOf(text: string | undefined, random: Random): number {
  return text === undefined ? Math.floor(random() * 2 ** 31) : Number(text);
}
