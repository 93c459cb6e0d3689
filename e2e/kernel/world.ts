/** What a run is made of: backends and a client in their namespaces, a node that can be killed and started again, nft. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { KernelView } from '../../data-plane/l4/kernel/report.ts';
import type { ClusterConfig, ListenerConfig } from '../../data-plane/model/config.ts';
import { type Cleanup, waitFor } from '../support/fairlead.ts';
import type { FleetView } from './fleet.ts';
import { createNamespaces, type Namespaces } from './namespaces.ts';
import type { ToNode } from './node.ts';
import type { Ask, Flow, Opened } from './peer.ts';

export const backendPort = 9_000;
export const nodeId = 'l4-1';
export const table = `fairlead-${nodeId}`;

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface Configured {
  readonly listeners: readonly ListenerConfig[];
  readonly clusters: readonly ClusterConfig[];
}

export class Client {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ number, result, error }: { number: number; result: unknown; error?: string }) => {
      const waiting = this.#waiting.get(number);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
  }

  open(to: Flow, count: number): Promise<readonly Opened[]> {
    return this.#ask({ type: 'open', to, count }) as Promise<readonly Opened[]>;
  }

  async echo(flows: readonly Opened[], bytes = 10_000): Promise<void> {
    await this.#ask({ type: 'echo', flows: flows.map(({ flow }) => flow), bytes });
  }

  async close(): Promise<void> {
    await this.#ask({ type: 'close' });
  }

  #ask(ask: Ask): Promise<unknown> {
    const number = ++this.#asked;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(number, waiting);
    this.#child.send({ number, ask });
    return waiting.promise;
  }
}

export interface RunningNode {
  readonly child: ChildProcess;
  readonly log: () => string;
  configure(config: Configured): void;
  look(): Promise<{ view: KernelView; counters: Record<string, number> }>;
  /** Resolves when it has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

export interface RunningFleet {
  look(): Promise<FleetView>;
  end(): Promise<void>;
}

export class World {
  readonly namespaces: Namespaces;
  readonly #cleanup: Cleanup;

  constructor(prefix: string, cleanup: Cleanup) {
    this.#cleanup = cleanup;
    this.namespaces = createNamespaces(prefix);
    cleanup.add(() => this.namespaces.remove());
  }

  async startBackends(): Promise<void> {
    await Promise.all(
      this.namespaces.backends.map((namespace, index) =>
        this.#startPeer(namespace, ['backend', `b${index + 1}`, String(backendPort)]),
      ),
    );
  }

  async startClient(namespace = this.namespaces.client): Promise<Client> {
    return new Client(await this.#startPeer(namespace, ['client']));
  }

  /** @param before what runs it */
  startNode(before: readonly string[] = [], drainMs = 1_000): RunningNode {
    const args = [...before, process.execPath, fileOf('./node.ts'), nodeId, String(drainMs)];
    const child = this.#spawn(this.namespaces.node, args);
    let log = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (log += text));
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    return {
      child,
      log: () => log,
      configure: (config) => void child.send({ type: 'config', ...config } satisfies ToNode),
      look: () =>
        new Promise((resolve, reject) => {
          child.once('message', (message) => resolve(message as Awaited<ReturnType<RunningNode['look']>>));
          child.send({ type: 'look' } satisfies ToNode, (error) => error && reject(error));
        }),
      end: (signal) => {
        child.kill(signal);
        return ended;
      },
    };
  }

  /** Fairlead by its command line, in the namespace of the node: ready once the kernel serves both of its listeners. */
  async startFleet(id: string, tcp: Flow, udp: Flow): Promise<RunningFleet> {
    const args = [id, String(tcp.port), String(udp.port), String(backendPort)];
    const child = await this.#startScript(this.namespaces.node, './fleet.ts', args);
    return {
      look: () =>
        new Promise((resolve) => {
          child.once('message', ({ view }: { view: FleetView }) => resolve(view));
          child.send({});
        }),
      end: async () => {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      },
    };
  }

  /** nft in the namespace of the node; undefined where it fails. */
  nft(args: readonly string[], script = ''): string | undefined {
    const { status, stdout } = this.run('nft', args, script);
    return status === 0 ? stdout : undefined;
  }

  /** Something in the namespace of the node. */
  run(program: string, args: readonly string[], input = '') {
    const all = ['netns', 'exec', this.namespaces.node, program, ...args];
    return spawnSync('ip', all, { encoding: 'utf8', input, maxBuffer: 64 * 1_024 * 1_024 });
  }

  #startPeer(namespace: string, args: readonly string[]): Promise<ChildProcess> {
    return this.#startScript(namespace, './peer.ts', args);
  }

  async #startScript(namespace: string, script: string, args: readonly string[]): Promise<ChildProcess> {
    const child = this.#spawn(namespace, [process.execPath, fileOf(script), ...args]);
    let words = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (words += text));
    let ready = false;
    child.once('message', () => (ready = true));
    await waitFor(`${args.join(' ')} in ${namespace}`, () => {
      if (child.exitCode !== null) throw new Error(words);
      return ready || undefined;
    });
    return child;
  }

  #spawn(namespace: string, command: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', namespace, ...command], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    this.#cleanup.add(() => void child.kill('SIGKILL'));
    return child;
  }
}
