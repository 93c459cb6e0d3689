/** The rooms and their rules, read from the table in docs/architecture.md. */
import { importsOf, type SourceFile, targetOf } from './source-tree.ts';

export interface Room {
  /** `data-plane/codec`, `proto`; the root of a plane is `data-plane`. */
  readonly path: string;
  /** Rooms that it may import besides itself; `everything`: any. */
  readonly imports: 'everything' | readonly { readonly room: string; readonly typeOnly: boolean }[];
}

/** Throws if the table is missing, or if a row names a room that has no row. */
export function readLayout(architecture: string): Room[] {
  const table = /^```layout\n([\s\S]*?)^```$/m.exec(architecture)?.[1];
  if (table === undefined) throw new Error('docs/architecture.md has no block that begins with ```layout.');
  let plane = '';
  const rows = table.split('\n').flatMap((line): { path: string; plane: string; rule: string }[] => {
    const [, indent = '', name = ''] = /^( *)(\S*)/.exec(line) ?? [];
    const rule = /<- (.*)$/.exec(line)?.[1];
    if (name === '') return [];
    const bare = name.replace(/\/$/, '');
    if (indent === '') plane = bare;
    if (rule === undefined) return [];
    if (indent === '') return [{ path: bare, plane: '', rule: rule.trim() }];
    return [{ path: bare === '.' ? plane : `${plane}/${bare}`, plane, rule: rule.trim() }];
  });
  const paths = rows.map((row) => row.path);
  return rows.map((row) => ({ path: row.path, imports: readRule(row, paths) }));
}

function readRule(row: { path: string; plane: string; rule: string }, paths: readonly string[]): Room['imports'] {
  if (row.rule === 'everything') return 'everything';
  if (row.rule === 'nothing') return [];
  return row.rule.split(',').map((word) => {
    const name = word.trim().replace(/^types of /, '');
    const room = [name === '.' ? row.plane : `${row.plane}/${name}`, name].find((path) => paths.includes(path));
    if (room === undefined) throw new Error(`docs/architecture.md: ${row.path} may import ${name}, which has no row.`);
    return { room, typeOnly: word.trim().startsWith('types of ') };
  });
}

/** The room that a file stands in: the longest row that its folder begins with. */
export function roomOf(file: string, rooms: readonly Room[]): Room | undefined {
  return rooms.filter((room) => file.startsWith(`${room.path}/`)).sort((a, b) => b.path.length - a.path.length)[0];
}

/** Imports that the table does not allow, as `file:line: what`. Tests may import what they test with. */
export function brokenImports(files: readonly SourceFile[], rooms: readonly Room[]): string[] {
  return files.filter(isCode).flatMap((file) => {
    const from = roomOf(file.path, rooms);
    if (from === undefined) return [];
    return importsOf(file).flatMap(({ specifier, typeOnly, line }) => {
      const target = targetOf(file, specifier);
      if (target === undefined) return [];
      const to = roomOf(target, rooms);
      if (to === undefined || isAllowed(file.path, target, from, to, typeOnly)) return [];
      return [`${file.path}:${line}: ${from.path} imports ${to.path} (${specifier})`];
    });
  });
}

function isAllowed(file: string, target: string, from: Room, to: Room, typeOnly: boolean): boolean {
  if (planeOf(from) !== undefined && planeOf(to) !== undefined && planeOf(from) !== planeOf(to)) return false;
  if (from.path === to.path || from.imports === 'everything' || isTest(file)) return true;
  if (target === `${planeOf(from)}/limits.ts`) return true;
  return from.imports.some((rule) => rule.room === to.path && (typeOnly || !rule.typeOnly));
}

export function planeOf(room: Room): string | undefined {
  return /^(?:control|data)-plane/.exec(room.path)?.[0];
}

/** Tests, and what only tests use. */
export function isTest(file: string): boolean {
  return /\.test\.ts$|(?:^|\/)(?:testing(?:\.ts$|\/)|[^/]*-testing\.ts$)/.test(file) || file.startsWith('e2e/');
}

export function isCode(file: SourceFile): boolean {
  return /\.(?:ts|js)$/.test(file.path);
}
