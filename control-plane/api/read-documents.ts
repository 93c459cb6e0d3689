/** Bodies as checked documents. */
import { checkDocument } from '../model/check.ts';
import { type Document, type DocumentKey, kinds, type Problem } from '../model/document.ts';
import { parseDocuments } from '../model/parse.ts';
import { refusal } from './problems.ts';
import type { RawBody } from './routes.ts';

/** All documents of a body. Throws a refusal with every problem of every document; pointers start with its index. */
export function readDocuments(body: RawBody): Document[] {
  const parsed = parseDocuments(body.text, formatOf(body));
  if (!parsed.ok) throw refusal(parsed.problems);
  const documents: Document[] = [];
  const problems: Problem[] = [];
  parsed.value.forEach((input, index) => {
    const checked = checkDocument(input, index);
    if (checked.ok) documents.push(checked.value);
    else problems.push(...checked.problems);
  });
  if (problems.length > 0) throw refusal(problems.map(atIndex));
  return documents;
}

/** What the documents of a body are called, whatever else they say. Throws a refusal with every problem. */
export function readKeys(body: RawBody): DocumentKey[] {
  const parsed = parseDocuments(body.text, formatOf(body));
  if (!parsed.ok) throw refusal(parsed.problems);
  const keys = parsed.value.map(readKey);
  const problems = keys.flatMap((key, index): Problem[] =>
    key === undefined
      ? [{ index, pointer: `/${index}`, code: 'invalid', detail: 'This names no document.', remedy: nameIt }]
      : [],
  );
  if (problems.length > 0) throw refusal(problems);
  return keys.filter((key) => key !== undefined);
}

const nameIt = 'Write its `kind` and `name`, and its `tenant` if it has one.';

function readKey(input: unknown): DocumentKey | undefined {
  if (input === null || typeof input !== 'object') return undefined;
  const { kind: word, name, tenant } = input as Readonly<Record<string, unknown>>;
  const kind = kinds.find((known) => known === word);
  if (kind === undefined || typeof name !== 'string') return undefined;
  if (tenant === undefined) return { kind, name };
  return typeof tenant === 'string' ? { kind, tenant, name } : undefined;
}

/** The plain value of a body that holds one document. */
export function readOneValue(body: RawBody): unknown {
  const parsed = parseDocuments(body.text, formatOf(body));
  if (!parsed.ok) throw refusal(parsed.problems);
  if (parsed.value.length === 1) return parsed.value[0];
  const detail = `This path takes one document, and the body holds ${parsed.value.length}.`;
  throw refusal([{ pointer: '', detail, remedy: 'Send several to POST /v1/apply.', code: 'invalid' }]);
}

/**
 * A document that a path names. The body may leave out what the path says, and must not say otherwise.
 * Throws a refusal with every problem.
 */
export function readDocumentAt(key: DocumentKey, input: unknown): Document {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) {
    const remedy = 'Send an object with "spec".';
    throw refusal([{ document: key, pointer: '', detail: 'The body is not a document.', remedy, code: 'invalid' }]);
  }
  const body = input as Readonly<Record<string, unknown>>;
  const contradictions = (['kind', 'name', 'tenant'] as const).filter(
    (field) => body[field] !== undefined && body[field] !== key[field],
  );
  if (contradictions.length > 0) throw refusal(contradictions.map((field) => contradiction(field, body[field], key)));
  const checked = checkDocument({ ...body, ...key });
  if (!checked.ok) throw refusal(checked.problems);
  return checked.value;
}

/** The same problem as seen from the whole request. */
export function atIndex(problem: Problem): Problem {
  return problem.index === undefined ? problem : { ...problem, pointer: `/${problem.index}${problem.pointer}` };
}

function contradiction(field: 'kind' | 'name' | 'tenant', value: unknown, key: DocumentKey): Problem {
  const path = key[field] === undefined ? `no ${field}` : `the ${field} ${key[field]}`;
  return {
    document: key,
    pointer: `/${field}`,
    detail: `The body says ${field} ${JSON.stringify(value)}, and the path says ${path}.`,
    remedy: `Leave ${field} out of the body, or send the document to the path that it names.`,
    code: 'contradiction',
  };
}

function formatOf({ type }: RawBody): 'yaml' | 'json' {
  return type.endsWith('json') ? 'json' : 'yaml';
}
