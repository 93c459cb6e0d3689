/** `fairlead up`: everything on this machine in one go. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { findAdminToken, newAdminToken, writeAdminToken } from '../admin-token.ts';
import { createLogger, type Logger } from '../logging.ts';
import { logStartFailure, stopSignal } from '../main.ts';
import { readSettings, type Settings, type SettingsFlags } from '../settings.ts';
import { type ControlPlane, startControlPlane } from '../wire.ts';
import { Children } from './children.ts';
import { Client } from './client.ts';
import { backendProcess } from './demo.ts';
import { applyDemo, demandFreePorts, startNodes, waitForDemo } from './demo-fleet.ts';
import { paint, print } from './output.ts';
import { whatToTry } from './up-text.ts';

export interface UpOptions extends SettingsFlags {
  readonly demo?: boolean;
  readonly portOffset?: number;
}

/** `up` is the embedded store and a plain port on this machine; in the environment these belong to something else. */
const elsewhere: NodeJS.ProcessEnv = {
  DATABASE_URL: undefined,
  FAIRLEAD_XDS_CERT: undefined,
  FAIRLEAD_XDS_KEY: undefined,
  FAIRLEAD_XDS_CLIENT_CA: undefined,
  FAIRLEAD_XDS_CA: undefined,
};

/** Runs until it is told to stop, then ends the process: 0 after a stop that was asked for, 1 or 2 if it cannot start. */
export async function up(options: UpOptions, environment: NodeJS.ProcessEnv): Promise<void> {
  const stopping = new AbortController();
  let logger = createLogger({ readable: process.stderr.isTTY });
  const stop = stopSignal(() => logger).then(() => stopping.abort());
  const children = new Children((id, how, pauseMs) =>
    logger.warn({ event: 'child-died', id, how, pauseMs }, `${id} ended and is started again; its folder has its log`),
  );
  let controlPlane: ControlPlane | undefined;
  try {
    const settings = readSettings(options, { ...environment, ...elsewhere }, process.cwd());
    makeFolder(settings.home);
    logger = quietOnTerminal(logger, settings.home);
    controlPlane = await start(settings, options, {
      children,
      logger,
      // the key of Secrets is for this process alone
      environment: { ...environment, ...elsewhere, FAIRLEAD_KEY: undefined },
      signal: stopping.signal,
    });
  } catch (error) {
    const exitCode = logStartFailure(logger, error);
    await children.stop();
    process.exit(exitCode);
  }
  await stop;
  print(paint('dim', 'Stopping …'));
  await children.stop();
  await controlPlane.close();
  logger.info({ event: 'stopped' });
  process.exit(0);
}

interface Surroundings {
  readonly children: Children;
  readonly logger: Logger;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

async function start(settings: Settings, options: UpOptions, surroundings: Surroundings): Promise<ControlPlane> {
  const { children, logger, environment, signal } = surroundings;
  const { demo = false, portOffset: offset = 0 } = options;
  const startedMs = performance.now();
  if (demo) {
    await demandFreePorts(offset);
    children.start(backendProcess(settings.home, offset, environment));
  }
  const known = settings.adminToken ?? findAdminToken(settings.home);
  const adminToken = known ?? newAdminToken();
  print('Starting the control plane …');
  const controlPlane = await startControlPlane({ ...settings, adminToken }, { logger });
  try {
    writeAdminToken(settings.home, adminToken);
    if (known === undefined) print(`Administrator token (kept in ${settings.home}/token): ${adminToken}`);
    if (demo && !signal.aborted) {
      const client = new Client({ base: controlPlane.api, token: adminToken });
      print(await applyDemo(client, offset));
      print('Starting two L7 nodes and an L4 node in front of them …');
      await startNodes(children, client, { home: settings.home, offset, xds: controlPlane.xds, environment });
      await waitForDemo(client, offset, signal);
    }
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
    logger.info({ event: 'up', seconds });
    if (!signal.aborted) for (const line of whatToTry({ settings, controlPlane, demo, offset, seconds })) print(line);
    return controlPlane;
  } catch (error) {
    await controlPlane.close();
    throw error;
  }
}

/** People read this terminal: what every request did goes to a file instead. */
function quietOnTerminal(logger: Logger, home: string): Logger {
  if (!process.stderr.isTTY) return logger;
  const folder = path.join(home, 'control-plane');
  makeFolder(folder);
  return createLogger({ readable: true, file: path.join(folder, 'events.log') });
}

function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}
