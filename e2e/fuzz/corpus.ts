/** Corpora: folders of JSON files, each a list of entries that people can read. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../support/source-tree.ts';
import type { Entry, Subject } from './subject.ts';

export interface CorpusInput<Input> {
  readonly entry: Entry;
  readonly input: Input;
}

export function readCorpus<Input>(subject: Subject<Input>): CorpusInput<Input>[] {
  const folder = path.join(repository, subject.folder);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as (Entry & Record<string, unknown>)[])
    .map((entry) => ({ entry, input: subject.read(entry) }));
}

/** A file of its own for a finding; its name comes from the input, so the same one is not kept twice. Returns its path. */
export function keepFinding<Input>(subject: Subject<Input>, input: Input, problem: string): string {
  const fields = subject.write(input);
  const digest = createHash('sha256').update(JSON.stringify(fields)).digest('hex').slice(0, 8);
  const file = path.join(subject.folder, `finding-${digest}.json`);
  mkdirSync(path.join(repository, subject.folder), { recursive: true });
  writeFileSync(path.join(repository, file), `${JSON.stringify([{ name: problem, ...fields }], null, 2)}\n`);
  return file;
}
