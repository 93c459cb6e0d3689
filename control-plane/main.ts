/** `fairlead control-plane`: environment and signals around one replica. */
import { readAdminToken, writeAdminToken } from './admin-token.ts';
import { createLogger, type Logger } from './logging.ts';
import { readSettings, type Settings, SettingsError, type SettingsFlags } from './settings.ts';
import { type ControlPlane, startControlPlane } from './wire.ts';

/** Runs until it is told to stop, then ends the process: 0 after a stop that was asked for, 1 or 2 if it cannot start. */
export async function main(flags: SettingsFlags, environment: NodeJS.ProcessEnv): Promise<void> {
  const logger = createLogger({ readable: process.stderr.isTTY });
  const stop = stopSignal(() => logger);
  let controlPlane: ControlPlane;
  try {
    const settings = withToken(readSettings(flags, environment, process.cwd()));
    controlPlane = await startControlPlane(settings, { logger });
    // Only whoever holds the store may say which token opens it.
    if (settings.databaseUrl === undefined) writeAdminToken(settings.home, settings.adminToken);
  } catch (error) {
    process.exit(logStartFailure(logger, error));
  }
  await stop;
  await controlPlane.close();
  logger.info({ event: 'stopped' });
  process.exit(0);
}

/** With the embedded store, a token that an earlier start left in the folder still holds. */
function withToken(settings: Settings): Settings & { adminToken: string } {
  const { adminToken, home, databaseUrl } = settings;
  return { ...settings, adminToken: adminToken ?? readAdminToken(home, databaseUrl === undefined) };
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function stopSignal(logger: () => Logger): Promise<void> {
  return new Promise((resolve) => {
    let firstMs = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        const nowMs = performance.now();
        if (firstMs === 0) {
          firstMs = nowMs;
          logger().info({ event: 'stopping', signal });
          resolve();
        } else if (nowMs - firstMs > repeatMs) {
          logger().warn({ event: 'stopped-at-once', signal });
          process.exit(signal === 'SIGINT' ? 130 : 143);
        }
      });
    }
  });
}

/** One Ctrl-C may arrive several times: from the terminal, from npm, from the launcher. */
const repeatMs = 500;

/** One line: what is wrong and what to do. Returns the exit code: 2 for settings that cannot be, else 1. */
export function logStartFailure(logger: Logger, error: unknown): 1 | 2 {
  const { message, code, remedy } = error as { message?: string; code?: string; remedy?: string };
  const text = [message ?? String(error), remedy].filter((part) => part !== undefined).join(' ');
  logger.fatal({ event: 'start-failed', ...(code !== undefined && { code }) }, text);
  return error instanceof SettingsError ? 2 : 1;
}
