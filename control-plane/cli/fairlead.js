#!/usr/bin/env node
// The package's bin. Plain JavaScript that any Node from 20 can run: it finds a Node that runs TypeScript (24 and up)
// and starts cli/main.ts with it, so that `npx fairlead` works whatever the system's Node is.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const oldestMajor = 24;
const main = fileURLToPath(new URL('./main.ts', import.meta.url));

// Compiled code is kept beside the packages, which halves the start of every later process. Where it cannot be written,
// Node goes on without.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../../node_modules/.cache/fairlead', import.meta.url));

if (Number.parseInt(process.versions.node, 10) >= oldestMajor) {
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  watchNpm(() => process.kill(process.pid, 'SIGTERM'));
  await import(pathToFileURL(main).href);
} else {
  const node = pinnedNode();
  if (node === undefined) {
    process.stderr.write(
      `fairlead needs Node ${oldestMajor} or later and runs under ${process.version}. ` +
        `Run "npm ci" on Linux (x64 or arm64), which brings one along, or install Node ${oldestMajor}.\n`,
    );
    process.exitCode = 1;
  } else {
    runUnder(node);
  }
}

/** The Node that this package pins, if its platform package is installed. */
function pinnedNode() {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    const node = path.join(path.dirname(manifest), 'bin', 'node');
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}

/** Runs main.ts under another Node, passes signals on, and ends as it ends. */
function runUnder(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // Ctrl-C on a terminal reaches the child by itself; it tells, so that one Ctrl-C does not count as two.
  const seen = new Set();
  child.on('message', (message) => seen.add(message?.signal));
  for (const signal of ['SIGINT', 'SIGTERM']) {
    let waiting = false;
    process.on(signal, () => {
      if (waiting) return;
      waiting = true;
      setTimeout(() => {
        waiting = false;
        if (!seen.delete(signal)) child.kill(signal);
      }, 200);
    });
  }
  watchNpm(() => child.kill('SIGTERM'));
  child.on('error', (error) => {
    process.stderr.write(`fairlead could not start ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // A signal that does not end a process (or is not delivered at once) must not leave this one behind.
    setTimeout(() => process.exit(1), 500);
  });
}

/** Calls `stop` when npx (or npm start), which started this process, is gone: nobody would be left to stop it. */
function watchNpm(stop) {
  if (!['exec', 'start'].includes(process.env.npm_command)) return;
  const ancestors = [process.ppid];
  // npm puts a shell in between, which outlives it.
  const grandparent = parentOf(process.ppid);
  if (grandparent !== undefined && isShell(process.ppid)) ancestors.push(grandparent);
  const timer = setInterval(() => {
    const gone = process.ppid !== ancestors[0] || (ancestors.length > 1 && parentOf(ancestors[0]) !== ancestors[1]);
    if (!gone) return;
    clearInterval(timer);
    stop();
  }, 500);
  timer.unref();
}

/** Parent of a process, where /proc tells. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function isShell(pid) {
  try {
    return /^(?:ba|da|z|k)?sh$/.test(readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
  } catch {
    return false;
  }
}
