/**
 * Three replicas on one Postgres, subscribers, writers, and faults one after the other. After each cure every subscriber
 * is current soon; in the end writers, database, replicas and subscribers agree.
 */
import pg from 'pg';
import { adminToken, Cleanup, type ControlPlaneProcess, startControlPlane, waitFor } from '../support/fairlead.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { clusterSpec, Ledger } from './ledger.ts';

import { randomOf } from './random.ts';
import { Subscribers } from './subscribers.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly subscribers: number;
  /** How long the database is away. */
  readonly outageMs: number;
  readonly rounds: number;
  readonly say: (line: string) => void;
}

export interface ChaosResult {
  /** From each cure until every subscriber had all that was acknowledged by then. */
  readonly recoveries: readonly { readonly fault: string; readonly ms: number }[];
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly streamsOpened: number;
  /** Sentences; empty if all laws held. */
  readonly faults: readonly string[];
}

const names = Array.from({ length: 6 }, (_, index) => `c${index}`);
const giveUpMs = 30_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const cleanup = new Cleanup();
  try {
    return await new Chaos(options, cleanup).run();
  } finally {
    await cleanup.run();
  }
}

class Chaos {
  readonly #options: ChaosOptions;
  readonly #cleanup: Cleanup;
  readonly #random: () => number;
  readonly #recoveries: { fault: string; ms: number }[] = [];
  #server!: PostgresServer;
  #databaseUrl = '';
  #replicas: ControlPlaneProcess[] = [];
  #subscribers!: Subscribers;
  #ledger!: Ledger;

  constructor(options: ChaosOptions, cleanup: Cleanup) {
    this.#options = options;
    this.#cleanup = cleanup;
    this.#random = randomOf(options.seed);
  }

  async run(): Promise<ChaosResult> {
    await this.#start();
    for (let round = 0; round < this.#options.rounds; round++) {
      await this.#killReplica();
      await this.#blockNotify();
      await this.#restartDatabase();
      await this.#outage();
    }
    return this.#compare();
  }

  async #start(): Promise<void> {
    this.#server = await startPostgres();
    this.#cleanup.add(() => this.#server.stop());
    this.#databaseUrl = await this.#server.createDatabase();
    const env = { DATABASE_URL: this.#databaseUrl };
    this.#replicas = await Promise.all([0, 1, 2].map(() => startControlPlane(this.#cleanup, { env })));
    await this.#replicas[0]!.apply(documents());
    this.#subscribers = new Subscribers({
      ...{ addresses: this.#replicas.map(({ xds }) => xds), token: adminToken, group: 'edge' },
      ...{ count: this.#options.subscribers, streamsPerConnection: 20, random: this.#random },
    });
    this.#cleanup.add(() => this.#subscribers.close());
    this.#ledger = new Ledger({ apis: this.#replicas.map(({ api }) => api), names, random: this.#random });
    this.#subscribers.start();
    await this.#untilCurrent(new Map(names.map((name) => [name, 0])));
    this.#ledger.start();
    this.#cleanup.add(() => this.#ledger.stop());
  }

  async #killReplica(): Promise<void> {
    const index = Math.floor(this.#random() * this.#replicas.length);
    const { program, api, xds } = this.#replicas[index]!;
    await program.stop('SIGKILL');
    await this.#recovered('kill -9 of a replica');
    this.#replicas[index] = await startControlPlane(this.#cleanup, {
      ...{ api: api.replace('http://', ''), xds },
      env: { DATABASE_URL: this.#databaseUrl },
    });
  }

  /** A function of the same name before the real one on the path of every new connection: commits, but no hints. */
  async #blockNotify(): Promise<void> {
    const database = new URL(this.#databaseUrl).pathname.slice(1);
    await this.#query(
      `create or replace function public.pg_notify(text, text) returns void language sql as ''`,
      `alter database ${database} set search_path = public, pg_catalog`,
      dropConnections,
    );
    const listener = new pg.Client(this.#databaseUrl);
    await listener.connect();
    let hints = 0;
    listener.on('notification', () => {
      hints += 1;
    });
    await listener.query('listen fairlead_revision');
    // The others hear of it by nothing but their own look.
    this.#ledger.writeOnlyAt(0);
    await this.#recovered('NOTIFY blocked');
    // also once every replica has its connections again, and with that its last reason to look
    await this.#recovered('NOTIFY still blocked');
    this.#ledger.writeOnlyAt(undefined);
    await listener.end();
    if (hints > 0) throw new Error(`NOTIFY is not blocked: ${hints} hints came`);
    await this.#query(`alter database ${database} reset search_path`, dropConnections);
    await this.#recovered('NOTIFY back');
  }

  async #restartDatabase(): Promise<void> {
    await this.#server.restart();
    await this.#recovered('restart of the database');
  }

  async #outage(): Promise<void> {
    await this.#server.shutDown('immediate');
    await new Promise((resolve) => setTimeout(resolve, this.#options.outageMs));
    await this.#server.restart();
    await this.#recovered(`${this.#options.outageMs / 1_000} s of database outage`);
  }

  /** Also the writers are well again: each one's next write is acknowledged and seen. */
  async #recovered(fault: string): Promise<void> {
    const curedMs = performance.now();
    const before = this.#ledger.acknowledged();
    await waitFor(
      `an acknowledged write of each writer after ${fault}`,
      () => {
        const after = this.#ledger.acknowledged();
        return names.every((name) => (after.get(name) ?? 0) > (before.get(name) ?? 0)) ? true : undefined;
      },
      giveUpMs,
    );
    await this.#untilCurrent(this.#ledger.acknowledged());
    const ms = Math.round(performance.now() - curedMs);
    this.#recoveries.push({ fault, ms });
    this.#options.say(`${fault}: every subscriber current after ${ms} ms`);
  }

  async #untilCurrent(targets: ReadonlyMap<string, number>): Promise<void> {
    try {
      await waitFor(
        'every subscriber',
        () => (this.#subscribers.behind(targets).length === 0 ? true : undefined),
        giveUpMs,
      );
    } catch (cause) {
      const behind = this.#subscribers.behind(targets);
      const last = this.#replicas.map(({ program, api }) => `${api}: ${lastWords(program.stderr())}`);
      throw new Error([`${behind.length} are behind: ${behind.slice(0, 5).join('; ')}`, ...last].join('\n'), { cause });
    }
  }

  async #compare(): Promise<ChaosResult> {
    await this.#ledger.stop();
    const inDatabase = await this.#numbersInDatabase();
    await this.#untilCurrent(inDatabase);
    const subscribed = this.#subscribers.held();
    await waitFor('every replica to show what is in the database', async () =>
      (await Promise.all(this.#replicas.map(numbersOf))).every((served) =>
        names.every((name) => served.get(name) === inDatabase.get(name)),
      )
        ? true
        : undefined,
    );
    const same = (who: string, ended: ReadonlyMap<string, number>) =>
      names
        .filter((name) => ended.get(name) !== inDatabase.get(name))
        .map((name) => `${who}: ${name} is ${ended.get(name)}, in the database ${inDatabase.get(name)}`);
    const count = (wanted: string) => this.#ledger.entries.filter(({ outcome }) => outcome === wanted).length;
    return {
      recoveries: this.#recoveries,
      ...{ acknowledged: count('acknowledged'), unknown: count('unknown'), refused: count('refused') },
      streamsOpened: this.#subscribers.streamsOpened,
      faults: [
        ...this.#ledger.faultsOf('database', inDatabase),
        ...subscribed.flatMap((ended, index) => same(`subscriber ${index}`, ended)),
        ...this.#subscribers.faults,
      ],
    };
  }

  async #numbersInDatabase(): Promise<Map<string, number>> {
    const [rows = []] = await this.#query(`select name, spec from documents where kind = 'Cluster'`);
    return new Map(rows.map((row) => [String(row['name']), numberOf(row['spec'] as ClusterSpec)]));
  }

  async #query(...statements: string[]): Promise<Record<string, unknown>[][]> {
    const client = new pg.Client(this.#databaseUrl);
    await client.connect();
    try {
      const answers: Record<string, unknown>[][] = [];
      for (const statement of statements) answers.push((await client.query(statement)).rows);
      return answers;
    } finally {
      await client.end();
    }
  }
}

/** Waits until they are gone: one that is in the middle of a commit finishes it. */
const dropConnections = `select pg_terminate_backend(pid, ${giveUpMs}) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()`;

/** What a replica logged last, but for requests. */
function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line !== '' && !line.includes('"event":"request"'));
  return lines.slice(-5).join('\n');
}

interface ClusterSpec {
  readonly connectTimeout: string;
}

function numberOf({ connectTimeout }: ClusterSpec): number {
  return /^\d+ms$/.test(connectTimeout)
    ? Number.parseInt(connectTimeout, 10)
    : 1_000 * Number.parseInt(connectTimeout, 10);
}

async function numbersOf(replica: ControlPlaneProcess): Promise<Map<string, number>> {
  const { items } = await replica.rest<{ items: { name: string; spec: ClusterSpec }[] }>('GET', '/v1/clusters');
  return new Map(items.map(({ name, spec }) => [name, numberOf(spec)]));
}

function documents(): string {
  const platform = [
    { kind: 'NodeGroup', name: 'edge', spec: {} },
    { kind: 'Listener', name: 'public', spec: { groups: ['edge'], address: '127.0.0.1', port: 8080 } },
  ];
  const services = names.flatMap((name) => [
    { kind: 'Cluster', name, spec: clusterSpec(1) },
    { kind: 'Route', name, spec: { hosts: [`${name}.example.com`], to: { cluster: name } } },
  ]);
  return [...platform, ...services].map((document) => JSON.stringify(document)).join('\n---\n');
}
