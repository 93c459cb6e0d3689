/** What a node is told at its start: flags first, then environment, then defaults (docs: the table of ports). */
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { NodeLimits } from './limits.ts';
import { sharingFault } from './listener/places.ts';
import type { BoundAddress } from './listener/socket.ts';
import { readLimits } from './settings-limits.ts';
import type { XdsTlsFiles } from './xds/channel-security.ts';

export interface Settings {
  readonly group: string;
  readonly id: string;
  /** `host:port` of each replica of the control plane, at least one. */
  readonly xds: readonly string[];
  /** Undefined: plain. */
  readonly xdsTls: XdsTlsFiles | undefined;
  readonly token: string | undefined;
  readonly zone: string;
  /** That sign sticky sessions, 32 bytes each; the first one is used, all are good. */
  readonly sessionKeys: readonly Uint8Array[];
  /** Where the admin interface listens. */
  readonly admin: BoundAddress;
  readonly binds: ReadonlyMap<string, BoundAddress>;
  readonly limits: NodeLimits;
  /** Threads that carry traffic; 1: the main thread does. */
  readonly concurrency: number;
  /** The system's kernel may be told to carry some. */
  readonly kernel: boolean;
  /** Files of filters. */
  readonly filters: readonly string[];
}

interface Flags {
  group: string;
  id: string;
  xds?: string;
  xdsCa?: string;
  xdsCert?: string;
  xdsKey?: string;
  admin?: string;
  zone?: string;
  bind: [string, BoundAddress][];
  limit: string[];
  filter: string[];
  concurrency?: number;
  kernel: boolean;
}

/** A setting that makes no sense; the message says which, and what it should be. */
export class SettingsError extends Error {}

/** @param argv without node and script. Throws commander's errors for unknown flags. */
export function readSettings(argv: readonly string[], env: NodeJS.ProcessEnv): Settings {
  const command = new Command('fairlead data-plane')
    .description('one data-plane node: subscribes to a control plane over ADS and forwards traffic')
    .requiredOption('--group <group>', 'node group to join')
    .requiredOption('--id <id>', 'name of this node, unique in the fleet')
    .option(
      '--xds <host:port,...>',
      'xDS address of the control plane, or of each of its replicas (FAIRLEAD_XDS; default 127.0.0.1:7071)',
    )
    .option('--xds-ca <file>', 'speak TLS, with a control plane that this authority vouches for (FAIRLEAD_XDS_CA)')
    .option('--xds-cert <file>', 'client certificate to present to it (FAIRLEAD_XDS_CERT)')
    .option('--xds-key <file>', 'private key of the client certificate (FAIRLEAD_XDS_KEY)')
    .option('--admin <addr:port>', 'admin interface (FAIRLEAD_ADMIN; default 127.0.0.1:7072)')
    .option('--zone <zone>', 'locality zone of this node')
    .option('--bind <listener=addr:port>', 'bind a listener here instead of where its document says', addBind, [])
    .option(
      '--limit <name=value>',
      'what this node may take (FAIRLEAD_LIMITS, with commas): docs/limits.md',
      addLimit,
      [],
    )
    .option(
      '--filter <file>',
      'filters of your own that listeners may name (FAIRLEAD_FILTERS, with commas in between)',
      (file: string, previous: string[]) => [...previous, file],
      [],
    )
    .option(
      '--concurrency <n>',
      'worker threads that carry traffic; 1: none is started (default: the cores of this machine)',
      parseConcurrency,
    )
    .option('--no-kernel', 'never program nftables, whatever routes ask for (FAIRLEAD_KERNEL=off)')
    .exitOverride();
  command.parse(argv, { from: 'user' });
  const flags = command.opts<Flags>();
  return {
    group: flags.group,
    id: flags.id,
    xds: parseServers(flags.xds ?? (env['FAIRLEAD_XDS'] || '127.0.0.1:7071')),
    xdsTls: readXdsTls(flags, env),
    token: readToken(env),
    zone: flags.zone ?? '',
    sessionKeys: readSessionKeys(env['FAIRLEAD_SESSION_KEY'] ?? ''),
    admin: parseAddress(flags.admin ?? env['FAIRLEAD_ADMIN'] ?? '127.0.0.1:7072', 'the admin address'),
    binds: new Map(flags.bind),
    limits: limitsOf(flags, env),
    concurrency: readConcurrency(flags.concurrency),
    kernel: flags.kernel && readKernel(env['FAIRLEAD_KERNEL'] || 'on'),
    filters: flags.filter.length > 0 ? flags.filter : (env['FAIRLEAD_FILTERS'] ?? '').split(',').filter(Boolean),
  };
}

/** @param argv what comes after `uninstall`. Throws commander's errors. @returns id of the node */
export function readUninstall(argv: readonly string[]): string {
  const command = new Command('fairlead data-plane uninstall')
    .description("takes a node's table in nftables away, after the node was stopped: docs/kernel-datapath.md")
    .requiredOption('--id <id>', 'name of the node')
    .exitOverride();
  command.parse(argv, { from: 'user' });
  return command.opts<{ id: string }>().id;
}

function readXdsTls(flags: Flags, env: NodeJS.ProcessEnv): XdsTlsFiles | undefined {
  const ca = flags.xdsCa ?? (env['FAIRLEAD_XDS_CA'] || undefined);
  const cert = flags.xdsCert ?? (env['FAIRLEAD_XDS_CERT'] || undefined);
  const key = flags.xdsKey ?? (env['FAIRLEAD_XDS_KEY'] || undefined);
  const missing: string[] = [];
  if (ca === undefined && (cert ?? key) !== undefined) missing.push('--xds-ca (FAIRLEAD_XDS_CA)');
  if (cert === undefined && key !== undefined) missing.push('--xds-cert (FAIRLEAD_XDS_CERT)');
  if (key === undefined && cert !== undefined) missing.push('--xds-key (FAIRLEAD_XDS_KEY)');
  if (missing.length > 0) {
    throw new SettingsError(
      `${missing.join(' and ')} is missing: TLS takes the authority of the control plane, and a client certificate its private key`,
    );
  }
  if (ca === undefined) return undefined;
  return { ca, client: cert === undefined || key === undefined ? undefined : { cert, key } };
}

/** FAIRLEAD_TOKEN, else the file that an embedded control plane on this machine leaves. */
function readToken(env: NodeJS.ProcessEnv): string | undefined {
  if (env['FAIRLEAD_TOKEN']) return env['FAIRLEAD_TOKEN'];
  const file = path.join(env['FAIRLEAD_HOME'] ?? '.fairlead', 'token');
  try {
    return fs.readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/** No message repeats what it was given. */
function readSessionKeys(text: string): Uint8Array[] {
  if (text === '') return [];
  return text.split(',').map((key) => {
    if (/^[0-9a-f]{64}$/i.test(key.trim())) return Buffer.from(key.trim(), 'hex');
    throw new SettingsError(
      'FAIRLEAD_SESSION_KEY is not 64 hexadecimal digits, or several of them with commas in between; `openssl rand -hex 32` makes some',
    );
  });
}

/** `HOST:PORT[,HOST:PORT…]`. */
function parseServers(text: string): string[] {
  const servers = text.split(',').map((server) => server.trim());
  for (const server of servers) {
    const port = Number(/^(?:\[[0-9a-fA-F:.]+\]|[^:\s/[\]]+):([0-9]{1,5})$/.exec(server)?.[1]);
    if (port > 0 && port <= 65_535) continue;
    throw new SettingsError(
      `the xDS address "${server}" is no HOST:PORT: write a name or an address and a port, as in 127.0.0.1:7071, and commas between several`,
    );
  }
  return [...new Set(servers)];
}

function addBind(text: string, previous: [string, BoundAddress][]): [string, BoundAddress][] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('write LISTENER=ADDR:PORT, for example public=127.0.0.1:8081');
  try {
    return [...previous, [text.slice(0, equals), parseAddress(text.slice(equals + 1), 'the address')]];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function addLimit(text: string, previous: string[]): string[] {
  return [...previous, text];
}

function limitsOf({ limit }: Flags, env: NodeJS.ProcessEnv): NodeLimits {
  const variable = env['FAIRLEAD_LIMITS'] ?? '';
  try {
    return readLimits([...(variable === '' ? [] : variable.split(',')), ...limit]);
  } catch (error) {
    throw new SettingsError((error as Error).message);
  }
}

function parseConcurrency(text: string): number {
  if (/^[1-9][0-9]{0,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('write a number of threads from 1 to 999');
}

function readKernel(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new SettingsError(`FAIRLEAD_KERNEL is "${text}": say on or off`);
}

/** As many as there are cores, where that is possible at all. */
function readConcurrency(said: number | undefined): number {
  const fault = sharingFault();
  if (fault === null) return said ?? os.availableParallelism();
  if (said === undefined || said === 1) return 1;
  throw new SettingsError(`--concurrency ${said} is not possible here: ${fault}. Leave it out, or say --concurrency 1`);
}

/** `ADDR:PORT`, `[IPv6]:PORT` or `PORT` alone on loopback. */
export function parseAddress(text: string, what: string): BoundAddress {
  const match = /^(?:(.+):)?([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? '127.0.0.1';
  const address = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const port = Number(match?.[2]);
  if (match === null || port > 65535 || net.isIP(address) === 0) {
    throw new SettingsError(`${what} "${text}" is no ADDR:PORT: write an IP address and a port, as in 127.0.0.1:8080`);
  }
  return { address, port };
}
