/** Entry of one data-plane node: settings in, signals handled, exit code out. And of `uninstall`, which ends at once. */
import manifest from '../package.json' with { type: 'json' };
import { realSystem } from './l4/kernel/nft.ts';
import { uninstall } from './l4/kernel/uninstall.ts';
import { createLogger } from './logging.ts';
import { readSettings, readUninstall, SettingsError } from './settings.ts';
import { startNode } from './wire.ts';

/**
 * Runs until a signal: the first drains, the second ends at once.
 * @param argv without node and script; throws commander's errors for unknown flags
 */
export async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  if (argv[0] === 'uninstall') {
    process.stdout.write(`${await uninstall(readUninstall(argv.slice(1)), realSystem(env, true))}\n`);
    return;
  }
  let logger = createLogger('-');
  try {
    const settings = readSettings(argv, env);
    logger = createLogger(settings.id);
    const running = await startNode(settings, manifest.version, logger);
    let askedMs = Number.NEGATIVE_INFINITY;
    const stop = (signal: NodeJS.Signals): void => {
      const asked = Number.isFinite(askedMs);
      // one Ctrl-C under npx arrives twice: from the terminal, and from npm
      if (asked && performance.now() - askedMs < sameSignalMs) return;
      if (asked) process.exit(1);
      askedMs = performance.now();
      logger.info({ event: 'stopping', signal }, 'stopping');
      void running.stop().then(() => process.exit(0));
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  } catch (error) {
    if (!(error instanceof SettingsError) && !isStartFault(error)) throw error;
    logger.error({ event: 'start_failed' }, (error as Error).message);
    process.exit(error instanceof SettingsError ? 2 : 1);
  }
}

const sameSignalMs = 500;

/** An address in use and the like: the message says it all. */
function isStartFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && !String(error.code).startsWith('commander.');
}
