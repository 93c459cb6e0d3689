/** What the launcher starts: picks the command, and ends with its exit code. */
import { reportSignals, stopWithParent } from './parent.ts';
import { reportFailure } from './report.ts';

stopWithParent();
// `fairlead get routes | head` closes the pipe early, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await run(process.argv.slice(2), process.env);
} catch (error) {
  process.exitCode = reportFailure(error);
}

async function run(argv: string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const [command, ...rest] = argv;
  if (command === 'up' || command === 'control-plane' || command === 'data-plane') reportSignals();
  if (command === 'data-plane') {
    // The planes share no code: this one is named by its place and has flags of its own.
    const entry = new URL('../../data-plane/main.ts', import.meta.url).href;
    const { main } = (await import(entry)) as { main(argv: string[], environment: NodeJS.ProcessEnv): Promise<void> };
    await main(rest, environment);
    return;
  }
  const { makeProgram } = await import('./program.ts');
  await makeProgram(environment).parseAsync(argv, { from: 'user' });
}
