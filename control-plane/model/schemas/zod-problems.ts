/** Zod's issues as problems: sentences of ours, exact pointers, each with its remedy. */
import type { z } from 'zod';
import type { DocumentKey, Problem } from '../document.ts';
import { type Fault, type Path, pointerOf, problemAt, show } from '../problems.ts';

type Issue = z.core.$ZodIssue;
type Verdict<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: Problem[] };

/**
 * Runs a schema over what an author wrote. `at` is where `input` stands in the document, which is named in every
 * problem.
 */
export function verdict<T>(
  schema: z.ZodType<T>,
  input: unknown,
  document: DocumentKey | undefined,
  at: Path,
): Verdict<T> {
  // An empty message marks "no remedy of the schema's own": `error` of our schemas is the remedy.
  const parsed = schema.safeParse(input, { reportInput: true, error: () => '' });
  if (parsed.success) return { ok: true, value: parsed.data };
  const found = parsed.error.issues.flatMap((issue) => located(issue, at));
  const standIns = new Set(
    found.flatMap(({ path, standsFor }) => (standsFor ? [pointerOf([...path.slice(0, -1), standsFor])] : [])),
  );
  const problems = found
    .map(({ path, fault }) => problemAt(document, pointerOf(path), fault))
    .filter((problem) => !(problem.code === 'missing-field' && standIns.has(problem.pointer)));
  return { ok: false, problems };
}

interface Located {
  readonly path: Path;
  readonly fault: Fault;
  /** The required field in whose place this not yet supported one was written. */
  readonly standsFor?: string | undefined;
}

function located(issue: Issue, prefix: Path): Located[] {
  const path = [...prefix, ...(issue.path as Path)];
  switch (issue.code) {
    case 'custom': {
      const { code, remedy, standsFor } = issue.params as { code: string; remedy: string; standsFor?: string };
      return [{ path, fault: { code, remedy, detail: issue.message }, standsFor }];
    }
    case 'invalid_union': {
      const branches = issue.errors.filter((errors) => errors.length > 0);
      const branch = branches.find((errors) => !isMismatch(errors)) ?? branches.at(-1) ?? [];
      return branch.flatMap((inner) => located(inner, path));
    }
    case 'invalid_type':
      return [{ path, fault: wrongType(issue) }];
    case 'too_small':
    case 'too_big':
      return [{ path, fault: outOfRange(issue) }];
    default:
      return [
        {
          path,
          fault: {
            detail: `${show(issue.input)} is not valid here.`,
            remedy: remedyOf(issue, 'See docs/documents.md.'),
          },
        },
      ];
  }
}

/** True if this branch of a union was not meant at all: already the type at its top is another. */
function isMismatch(issues: readonly Issue[]): boolean {
  const [issue, second] = issues;
  if (issue === undefined || second !== undefined || issue.path.length > 0) return false;
  if (issue.code === 'invalid_union') return issue.errors.every(isMismatch);
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function wrongType(issue: z.core.$ZodIssueInvalidType): Fault {
  const { input } = issue;
  const wanted = typeNames[issue.expected] ?? issue.expected;
  if (input === undefined) {
    return { code: 'missing-field', detail: 'This field is missing.', remedy: remedyOf(issue, `Write ${wanted}.`) };
  }
  const detail = `Here must be ${wanted}, not ${show(input)}.`;
  if (input === null) return { detail, remedy: 'Fill it in, or take the field out.' };
  if (issue.expected === 'string') return { detail, remedy: remedyOf(issue, 'Put it in quotes.') };
  const unquoted = typeof input === 'string' && ['number', 'int', 'boolean'].includes(issue.expected);
  return { detail, remedy: remedyOf(issue, unquoted ? 'Take the quotes away.' : `Write ${wanted}.`) };
}

function outOfRange(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): Fault {
  const short = issue.code === 'too_small';
  const bound = Number(short ? issue.minimum : issue.maximum);
  if (issue.origin === 'array') {
    const detail = short ? 'The list is empty.' : `The list has more than ${bound}.`;
    return { detail, remedy: remedyOf(issue, short ? 'Name at least one.' : 'Make it shorter.') };
  }
  const detail = `${show(issue.input)} is ${short ? 'less' : 'more'} than ${bound}.`;
  return { detail, remedy: remedyOf(issue, `Write ${bound} or ${short ? 'more' : 'less'}.`) };
}

function remedyOf(issue: Issue, otherwise: string): string {
  return issue.message === '' ? otherwise : issue.message;
}
