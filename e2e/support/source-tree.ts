/** The repository as text, for tests that read the code itself. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A file of the repository. Rules also take made-up ones, so that they can be tested. */
export interface SourceFile {
  /** Relative to the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** As written: `../model/config.ts`, `node:net`, `zod`. */
  readonly specifier: string;
  /** `import type` or `export type`: gone at run time. */
  readonly typeOnly: boolean;
  /** Counted from 1. */
  readonly line: number;
}

export const repository = path.resolve(import.meta.dirname, '../..');

/** Every file that git would keep; binary ones are none of ours. Works without git. */
export function readSourceTree(): SourceFile[] {
  const ignored = readFileSync(path.join(repository, '.gitignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const isIgnored = (name: string): boolean =>
    name === '.git' ||
    ignored.some((rule) => (rule.startsWith('*') ? name.endsWith(rule.slice(1)) : rule === `${name}/`));
  const walk = (folder: string): string[] =>
    readdirSync(path.join(repository, folder), { withFileTypes: true })
      .filter((entry) => !isIgnored(entry.name))
      .flatMap((entry) => {
        const inside = path.posix.join(folder, entry.name);
        return entry.isDirectory() ? walk(inside) : [inside];
      });
  return walk('.')
    .sort()
    .map((file) => ({ path: file, text: readFileSync(path.join(repository, file), 'utf8') }));
}

const statement =
  /^[ \t]*(?:import|export)\s+(type\s+)?(?:[\w*$][^'"`;()=]*?|\{[^'"`;()=]*?\}[^'"`;()=]*?)\bfrom\s*(['"])([^'"\n]+)\2/gm;
const bare = /^[ \t]*import\s*(['"])([^'"\n]+)\1/gm;
const dynamic = /\bimport\(\s*(['"])([^'"\n]+)\1\s*\)/g;

/** Static imports, re-exports and dynamic imports with a literal name, in the order of their lines. */
export function importsOf(file: SourceFile): Import[] {
  const text = withoutComments(file.text);
  const found = [
    ...[...text.matchAll(statement)].map((m) => ({ specifier: m[3] ?? '', typeOnly: m[1] !== undefined, end: m })),
    ...[...text.matchAll(bare)].map((m) => ({ specifier: m[2] ?? '', typeOnly: false, end: m })),
    ...[...text.matchAll(dynamic)].map((m) => ({ specifier: m[2] ?? '', typeOnly: false, end: m })),
  ];
  return found
    .map(({ specifier, typeOnly, end }) => ({ specifier, typeOnly, line: lineAt(text, end.index + end[0].length) }))
    .sort((a, b) => a.line - b.line);
}

/** Where an import leads, relative to the repository; undefined for packages and Node's own modules. */
export function targetOf(file: SourceFile, specifier: string): string | undefined {
  return specifier.startsWith('.') ? path.posix.join(path.posix.dirname(file.path), specifier) : undefined;
}

/** Comments blanked out; strings, templates and line numbers stay as they are. */
export function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) => (/^\/[/*]/.test(found) ? found.replace(/[^\n]/g, ' ') : found));
}

/** The number of the line, from 1, that holds a position. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
