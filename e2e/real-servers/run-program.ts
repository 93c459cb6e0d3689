/** A client program, what it is given and what it says. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';

/** Standard output; throws what was said instead where the program fails. */
export async function output(
  program: string,
  args: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<Buffer> {
  const child = spawn(program, args, { env: { ...process.env, ...options.env }, stdio: 'pipe' });
  child.stdin.end(options.input ?? '');
  const [out, said, [code]] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'exit')]);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${code}: ${said}`);
  return out;
}

/** SHA-256 and length of standard output, which may be large. */
export async function digestOf(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ digest: string; bytes: number }> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const hash = createHash('sha256');
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`${program}: exit ${code}: ${said}`);
  return { digest: hash.digest('hex'), bytes };
}
