/** From what somebody sent to a document, and from a document to what it means. */

import type { StoredDocument } from './document.ts';
import {
  type Document,
  type DocumentKey,
  describeKey,
  type Kind,
  kinds,
  type Problem,
  type Result,
} from './document.ts';
import { jsonClean } from './json-value.ts';
import { limits } from './limits.ts';
import { type Fault, notSupportedYet, problemAt, show, suggestion } from './problems.ts';
import { ownedEnvelope, platformEnvelope } from './schemas/envelope.ts';
import { kindFacts, kindsNotYet } from './schemas/kinds.ts';
import { verdict } from './schemas/zod-problems.ts';
import type { SpecOf, Typed } from './specs.ts';

/**
 * Checks one document by itself: all its problems at once, each with its pointer. `index` is its place in the request.
 * Never throws, whatever it is given. The document holds a copy of `spec` as the author wrote it.
 */
export function checkDocument(input: unknown, index?: number): Result<Document> {
  const result = checked(input);
  if (result.ok) return result;
  const shown = result.problems.slice(0, limits.problemsPerDocument);
  const more = result.problems.length - shown.length;
  if (more > 0) {
    const detail = `${more} more problems are not shown.`;
    shown.push(problemAt(shown[0]?.document, '', { detail, remedy: 'Correct these first.' }));
  }
  return { ok: false, problems: index === undefined ? shown : shown.map((problem) => ({ ...problem, index })) };
}

function checked(input: unknown): Result<Document> {
  const clean = jsonClean(input);
  if (!clean.ok) return failed(clean.pointer, clean.fault);
  const envelope = clean.value;
  if (!isObject(envelope)) {
    const remedy = 'Write an object with `kind`, `name` and `spec`; several documents stand between `---` lines.';
    return failed('', { detail: `A document is an object, not ${show(envelope)}.`, remedy });
  }
  const kind = envelope['kind'];
  if (!isKind(kind)) return failed('/kind', kindFault(kind));
  return checkOfKind(kind, envelope);
}

function checkOfKind(kind: Kind, envelope: Record<string, unknown>): Result<Document> {
  const facts = kindFacts[kind];
  const key = keyOf(kind, envelope);
  const outer = verdict(facts.byTenants ? ownedEnvelope : platformEnvelope, envelope, key, []);
  // What a tenant may not say is told apart by whether a tenant was named at all.
  const owner = facts.byTenants && envelope['tenant'] !== undefined ? String(envelope['tenant']) : undefined;
  const spec = envelope['spec'] === undefined ? {} : envelope['spec'];
  const inner = verdict(facts.schemaFor(owner), spec, key, ['spec']);
  if (!outer.ok || !inner.ok) {
    return { ok: false, problems: [...(outer.ok ? [] : outer.problems), ...(inner.ok ? [] : inner.problems)] };
  }
  const { name, labels, ignore } = outer.value;
  const value: Document = {
    kind,
    ...(owner === undefined ? {} : { tenant: owner }),
    name,
    ...(labels === undefined ? {} : { labels }),
    ...(ignore === undefined ? {} : { ignore }),
    spec,
  };
  return { ok: true, value };
}

/** What the spec of a checked document means; throws if the document was never checked. */
export function specOf<K extends Kind>(document: Document & { readonly kind: K }): SpecOf[K] {
  try {
    return kindFacts[document.kind].read(document.spec, document.tenant);
  } catch (cause) {
    throw new Error(`${describeKey(document)} does not fit its schema; it was stored unchecked.`, { cause });
  }
}

/** A stored document together with what its spec means. */
export function typed(document: StoredDocument): Typed {
  return { kind: document.kind, document, spec: specOf(document) } as Typed;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isKind(value: unknown): value is Kind {
  return (kinds as readonly unknown[]).includes(value);
}

function kindFault(kind: unknown): Fault {
  const all = kinds.map((name) => `\`${name}\``).join(', ');
  if (kind === undefined) {
    return { code: 'missing-field', detail: 'The document does not say its `kind`.', remedy: `Write one of ${all}.` };
  }
  if (typeof kind !== 'string') {
    return { code: 'unknown-kind', detail: `The kind is ${show(kind)}, not a text.`, remedy: `Write one of ${all}.` };
  }
  if (kindsNotYet.includes(kind)) return notSupportedYet(`The kind ${kind}`);
  if (kind === 'Token') {
    const remedy = 'Make one with `fairlead token create` or POST /v1/tokens.';
    return { code: 'unknown-kind', detail: 'A Token is not a document.', remedy };
  }
  return {
    code: 'unknown-kind',
    detail: `There is no kind ${show(kind)}.`,
    remedy: suggestion(kind, [...kinds, ...kindsNotYet]),
  };
}

/** The document's name for its problems, as far as it has one. */
function keyOf(kind: Kind, { name, tenant }: Record<string, unknown>): DocumentKey | undefined {
  if (typeof name !== 'string' || name.length > limits.nameLength) return undefined;
  return typeof tenant === 'string' ? { kind, tenant, name } : { kind, name };
}

function failed(pointer: string, fault: Fault): Result<never> {
  const problem: Problem = problemAt(undefined, pointer, fault);
  return { ok: false, problems: [problem] };
}
