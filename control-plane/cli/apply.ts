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
import { describePreview } from './preview-text.ts';
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
  const { dryRun = false } = options;
  const applied = await applyFiles(client, { ...options, dryRun });
  for (const line of describeApplied(applied)) print(line);
  if (options.wait && !dryRun) await waitForNodes(client, applied.revision, options.timeoutMs);
}

export type DiffCommandOptions = Pick<ApplyCommandOptions, 'file' | 'recursive' | 'prune' | 'set'>;

/** What apply would change. @returns whether that is anything */
export async function diff(client: Client, options: DiffCommandOptions): Promise<boolean> {
  const applied = await applyFiles(client, { ...options, dryRun: true });
  const changes = applied.changes.filter(({ action }) => action !== 'unchanged');
  for (const line of describeApplied({ ...applied, changes })) print(line);
  return changes.length > 0;
}

async function applyFiles(
  client: Client,
  { file, recursive, dryRun, prune = false, set }: DiffCommandOptions & { readonly dryRun: boolean },
): Promise<Applied> {
  const { text, sources } = bundle(readSources(file, recursive));
  try {
    return await client.apply(text, { dryRun, prune, set });
  } catch (error) {
    throw withSources(error, sources);
  }
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
  const lines = applied.changes.flatMap((change) => [...describeChange(change), ...previewOf(change, applied)]);
  for (const { level, rule, detail, remedy } of applied.findings) {
    lines.push(`${paint('yellow', `${level} ${rule}`)}: ${detail} → ${remedy}`);
  }
  const changed = applied.changes.filter(({ action }) => action !== 'unchanged').length;
  const same = applied.changes.length - changed;
  const count = `${changed} changed${same > 0 ? `, ${same} unchanged` : ''}`;
  lines.push(applied.dryRun ? `dry run: ${count}; nothing was written` : `revision ${applied.revision}: ${count}`);
  return lines;
}

function previewOf({ kind, tenant, name }: AppliedChange, { preview = [] }: Applied): string[] {
  if (kind !== 'Cluster') return [];
  return preview.filter((one) => one.cluster === name && one.tenant === tenant).flatMap(describePreview);
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
