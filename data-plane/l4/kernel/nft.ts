/** The edge: runs the program `nft`, and reads what the system says of itself. */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { limits } from './limits.ts';

/** What the datapath needs of the system. */
export interface System {
  /** Why rules can't be made here; null: they may be. */
  fault(): string | null;
  /** Runs nft. @returns what it prints; rejects with its own words */
  nft(args: readonly string[], script?: string): Promise<string>;
  /** Packets for others are passed on. */
  forwards(family: 4 | 6): boolean;
  /** The flows that the system knows; rejects where it doesn't tell. */
  flows(): Promise<string>;
}

/** The table that was asked for is not there. */
export class NoTable extends Error {}

const netAdmin = 12n;

/** @param allowed by whoever runs the node */
export function realSystem(env: NodeJS.ProcessEnv, allowed: boolean): System {
  return {
    fault: () => {
      if (!allowed) return 'this node was started with --no-kernel (FAIRLEAD_KERNEL=off)';
      if (findNft(env) === undefined) return 'there is no program nft: install the package nftables';
      return mayAdminister()
        ? null
        : 'this process does not have CAP_NET_ADMIN: docs/kernel-datapath.md says how to give it';
    },
    nft: (args, script) => runNft(findNft(env) ?? 'nft', args, script),
    forwards: (family) => {
      const file = family === 4 ? 'ipv4/ip_forward' : 'ipv6/conf/all/forwarding';
      return readOr(`/proc/sys/net/${file}`, '0').trim() === '1';
    },
    flows: () => readFile('/proc/net/nf_conntrack', 'utf8'),
  };
}

/** Debian keeps it in sbin, which is not on every user's PATH. */
function findNft({ PATH = '' }: NodeJS.ProcessEnv): string | undefined {
  const folders = [...PATH.split(path.delimiter).filter(Boolean), '/usr/sbin', '/sbin'];
  return folders.map((folder) => path.join(folder, 'nft')).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function mayAdminister(): boolean {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readOr('/proc/self/status', ''))?.[1] ?? '0';
  return ((BigInt(`0x${capabilities}`) >> netAdmin) & 1n) === 1n;
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}

function runNft(program: string, args: readonly string[], script: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', timeout: limits.runMs, env: { LC_ALL: 'C' } });
    let out = '';
    let words = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
    child.on('error', (error) => reject(new Error(`${program} can't be run: ${error.message}`)));
    // it ends before it has read everything where the beginning is wrong already
    child.stdin.on('error', () => undefined);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(out);
      else reject(faultOf(words, signal));
    });
    child.stdin.end(script ?? '');
  });
}

function faultOf(words: string, signal: NodeJS.Signals | null): Error {
  if (signal !== null) return new Error(`nft was ended by ${signal}`);
  const [line = 'nft failed without a word'] = words.split('\n').filter((one) => one.includes('rror'));
  return /No such file or directory/.test(line) ? new NoTable(line) : new Error(line);
}
