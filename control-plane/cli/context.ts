/** Where the control plane is and with which token it is asked. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { Client } from './client.ts';
import { CliError } from './errors.ts';

export interface ConnectionOptions {
  readonly api?: string;
  readonly token?: string;
  readonly home?: string;
}

/** The options of every command that asks the control plane. */
export function withConnection(command: Command): Command {
  return command
    .option('--api <host:port>', 'address of the REST API (FAIRLEAD_API; default 127.0.0.1:7070)')
    .option('--token <token>', 'token (FAIRLEAD_TOKEN; default: the one in the state folder)')
    .option('--home <folder>', 'state folder that holds the token of an embedded control plane (FAIRLEAD_HOME)');
}

export function connect(options: ConnectionOptions, environment: NodeJS.ProcessEnv): Client {
  const address = options.api ?? (environment['FAIRLEAD_API'] || '127.0.0.1:7070');
  return new Client({ base: baseUrl(address), token: options.token ?? findToken(options.home, environment) });
}

/** `host:port` or a URL, as a URL; a server that listens everywhere is asked on loopback. */
export function baseUrl(address: string): string {
  const text = /^https?:\/\//.test(address) ? address : `http://${address.replace(/^:/, '127.0.0.1:')}`;
  if (!URL.canParse(text)) {
    throw new CliError(`"${address}" is not an address. Write HOST:PORT, for example 127.0.0.1:7070.`, { exitCode: 2 });
  }
  const url = new URL(text);
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.hostname === '[::]') url.hostname = '[::1]';
  return url.href.replace(/\/$/, '');
}

function findToken(home: string | undefined, environment: NodeJS.ProcessEnv): string | undefined {
  const variable = environment['FAIRLEAD_TOKEN'];
  if (variable) return variable;
  const file = path.resolve(home ?? (environment['FAIRLEAD_HOME'] || '.fairlead'), 'token');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
