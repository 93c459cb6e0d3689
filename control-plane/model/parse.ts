/** Text of a file or request body as plain values, one a document. */
import type { Problem, Result } from './document.ts';
import { parseJson } from './json-text.ts';
import { limits } from './limits.ts';
import { problemAt } from './problems.ts';
import { TextFault, tooManyDocuments } from './text-fault.ts';
import { parseYaml } from './yaml-text.ts';

/**
 * YAML (1.2 core, several documents between `---`) or JSON (one document, or a list of them). Empty YAML documents are
 * skipped. Malformed text gives one problem that says line and column.
 */
export function parseDocuments(text: string, format: 'yaml' | 'json'): Result<unknown[]> {
  try {
    if (Buffer.byteLength(text) > limits.fileBytes) throw tooLong();
    const body = text.startsWith('\ufeff') ? text.slice(1) : text;
    const documents = format === 'yaml' ? parseYaml(body) : listed(parseJson(body));
    if (documents.length > limits.documentsPerFile) throw new TextFault(tooManyDocuments);
    return { ok: true, value: documents };
  } catch (error) {
    if (!(error instanceof TextFault)) throw error;
    return { ok: false, problems: [problemOf(error)] };
  }
}

function listed(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

function problemOf({ line, column, message, remedy, code, index }: TextFault): Problem {
  const detail = line === undefined ? message : `Line ${line}, column ${column}: ${message}`;
  return { ...problemAt(undefined, '', { code, detail, remedy }), ...(index === undefined ? {} : { index }) };
}

function tooLong(): TextFault {
  const most = limits.fileBytes / 1024 / 1024;
  return new TextFault({
    code: 'too-large',
    message: `The text is longer than ${most} MiB.`,
    remedy: 'Split the file.',
  });
}
