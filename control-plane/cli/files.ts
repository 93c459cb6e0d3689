/** Files of documents as one text for one apply, and the way back from a document's index to its file. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { isScalar, LineCounter, parseAllDocuments } from 'yaml';
import { CliError } from './errors.ts';

export interface SourceFile {
  /** As the user calls it; `-` is standard input. */
  readonly name: string;
  readonly text: string;
}

export interface Source {
  readonly file: string;
  /** Place among the file's documents, from 1. */
  readonly number: number;
  /** Line on which it starts, from 1. */
  readonly line: number;
}

export interface Bundle {
  /** YAML, one document after the other. */
  readonly text: string;
  /** In the order of the documents in `text`. */
  readonly sources: readonly Source[];
}

/** Reads FILE, the YAML and JSON files in DIR (in name order; `recursive`: below it too), or standard input for `-`. */
export function readSources(targets: readonly string[], recursive = false): SourceFile[] {
  return targets.flatMap((target) => {
    if (target === '-') return [{ name: '-', text: readFileSync(0, 'utf8') }];
    return filesAt(target, recursive).map((name) => ({ name, text: readFileSync(name, 'utf8') }));
  });
}

function filesAt(target: string, recursive: boolean): string[] {
  const stat = statSync(target, { throwIfNoEntry: false });
  if (!stat) throw new CliError(`There is no file or folder ${target}.`);
  if (!stat.isDirectory()) return [target];
  const found = readdirSync(target, { recursive, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ya?ml|json)$/i.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  if (found.length === 0) {
    throw new CliError(
      `There is no .yaml, .yml or .json file in ${target}${recursive ? '' : ' (-R looks below it, too)'}.`,
    );
  }
  return found;
}

/** Puts files together. Throws a CliError that names file, line and column of what is not YAML or JSON. */
export function bundle(files: readonly SourceFile[]): Bundle {
  const texts: string[] = [];
  const sources: Source[] = [];
  for (const file of files) {
    const text = asYaml(file);
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
    let number = 0;
    for (const document of 'empty' in documents ? [] : documents) {
      const [error] = document.errors;
      if (error) {
        const { line, col } = lines.linePos(error.pos[0]);
        throw new CliError(`${file.name}:${line}:${col}: ${error.message.split('\n')[0]}`, {
          lines: ['Nothing was sent. Correct it there; indentation, colons and quotes are the usual causes.'],
        });
      }
      const { contents } = document;
      // The server skips empty documents too, and counts without them.
      if (contents === null || (isScalar(contents) && contents.value === null)) continue;
      sources.push({
        file: file.name,
        number: ++number,
        line: lines.linePos(contents.range?.[0] ?? 0).line,
      });
    }
    texts.push(text.endsWith('\n') ? text : `${text}\n`);
  }
  if (sources.length === 0) {
    throw new CliError(`There is no document in ${files.map((file) => file.name).join(', ')}.`);
  }
  // An end marker, not a start: the next file may begin with directives.
  return { text: texts.join('...\n'), sources };
}

/** A JSON list of documents as YAML documents; everything else as it is, since JSON is YAML. */
function asYaml({ text }: SourceFile): string {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (!/^\s*\[/.test(body)) return body;
  let list: unknown;
  try {
    list = JSON.parse(body);
  } catch {
    return body;
  }
  return Array.isArray(list) ? list.map((document) => `${JSON.stringify(document)}\n`).join('---\n') : body;
}
