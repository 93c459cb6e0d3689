/** `fairlead apply` and `fairlead delete`. */
import {
  type Applied,
  type AppliedChange,
  type Client,
  type DocumentKey,
  type ProblemLine,
  RefusedError,
} from './client.ts';
import { CliError } from './errors.ts';
import { bundle, readSources, type Source } from './files.ts';
import { findKind, pathOf, splitTarget } from './kinds.ts';
import { paint, print } from './output.ts';
import { waitForNodes } from './wait.ts';

export interface ApplyCommandOptions {
  readonly file: readonly string[];
  readonly recursive?: boolean;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly set?: string;
  readonly wait?: boolean;
  readonly timeoutMs: number;
}

export async function apply(client: Client, options: ApplyCommandOptions): Promise<void> {
  const { text, sources } = bundle(readSources(options.file, options.recursive));
  const { dryRun = false, prune = false, set } = options;
  let applied: Applied;
  try {
    applied = await client.apply(text, { dryRun, prune, set });
  } catch (error) {
    throw withSources(error, sources);
  }
  for (const line of describeApplied(applied)) print(line);
  if (options.wait && !dryRun) await waitForNodes(client, applied.revision, options.timeoutMs);
}

export async function deleteOne(
  client: Client,
  kindText: string,
  nameText: string | undefined,
  options: { readonly tenant?: string; readonly dryRun: boolean },
): Promise<void> {
  const [kindWord, name] = splitTarget(kindText, nameText);
  if (name === undefined) throw new CliError(`Which one? Write fairlead delete ${kindText} NAME.`, { exitCode: 2 });
  const path = pathOf(findKind(kindWord), options.tenant, name);
  for (const line of describeApplied(await client.delete(path, options))) print(line);
}

/** Deletes what files name: one transaction, whatever names what. */
export async function deleteFiles(
  client: Client,
  files: readonly string[],
  options: { readonly recursive: boolean; readonly dryRun: boolean },
): Promise<void> {
  const { text, sources } = bundle(readSources(files, options.recursive));
  try {
    const applied = await client.deleteAll(text, options);
    for (const { action, ...key } of applied.changes)
      if (action === 'unchanged') print(`${describeKey(key)} is not there`);
    const there = applied.changes.filter(({ action }) => action !== 'unchanged');
    for (const line of describeApplied({ ...applied, changes: there })) print(line);
  } catch (error) {
    throw withSources(error, sources);
  }
}

/** Lines for people: one a changed document, its fields under it; findings; the revision. */
export function describeApplied(applied: Applied): string[] {
  const lines = applied.changes.flatMap(describeChange);
  for (const { level, rule, detail, remedy } of applied.findings) {
    lines.push(`${paint('yellow', `${level} ${rule}`)}: ${detail} → ${remedy}`);
  }
  const changed = applied.changes.filter(({ action }) => action !== 'unchanged').length;
  const same = applied.changes.length - changed;
  const count = `${changed} changed${same > 0 ? `, ${same} unchanged` : ''}`;
  lines.push(applied.dryRun ? `dry run: ${count}; nothing was written` : `revision ${applied.revision}: ${count}`);
  return lines;
}

const actionStyle = { created: 'green', updated: 'yellow', deleted: 'red', unchanged: 'dim' } as const;
const operators = { add: ['green', '+'], replace: ['yellow', '~'], remove: ['red', '-'] } as const;

function describeChange(change: AppliedChange): string[] {
  const head = `${describeKey(change)} ${paint(actionStyle[change.action], change.action)}`;
  // A whole document that comes or goes is said by its name; its fields would only repeat the file.
  if (change.action !== 'updated') return [head];
  return [
    head,
    ...change.diff.map(({ op, path, before, after }) => {
      const [style, sign] = operators[op];
      const values = [before, after].filter((value) => value !== undefined).map((value) => JSON.stringify(value));
      return paint(style, `  ${sign} ${path}: ${values.join(' → ')}`);
    }),
  ];
}

/** The refusal with each problem at its file: `routes.yaml#2 /spec/to/0/cluster: no such cluster → remedy`. */
function withSources(error: unknown, sources: readonly Source[]): unknown {
  if (!(error instanceof RefusedError) || error.problems.length === 0) return error;
  const lines = error.problems.map((problem) => `${placeOf(problem, sources)}: ${problem.detail} → ${problem.remedy}`);
  return new CliError(`${error.title}. Nothing was written.`, { lines });
}

function placeOf({ index, pointer, document }: ProblemLine, sources: readonly Source[]): string {
  const source = index === undefined ? undefined : sources[index];
  if (!source) return `${document ? describeKey(document) : 'the request'}${pointer === '' ? '' : ` ${pointer}`}`;
  const inside = pointer.replace(/^\/\d+/, '');
  return `${source.file}#${source.number} (line ${source.line})${inside === '' ? '' : ` ${inside}`}`;
}

function describeKey({ kind, tenant, name }: DocumentKey): string {
  return `${kind} ${tenant === undefined ? '' : `${tenant}/`}${name}`;
}
