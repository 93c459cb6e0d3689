/**
 * The words in which the schemas are written. Every field carries its one-line meaning and what it becomes in Envoy's
 * messages; `error` of a zod schema is the remedy, never the finding (zod-problems.ts writes that).
 */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { type Fault, notSupportedYet, type Parsed, show, suggestion } from '../problems.ts';

type Reporter = Pick<z.core.$RefinementCtx, 'addIssue'>;

/** A schema whose input is what people write. */
export type Field<T> = z.ZodType<T>;

interface Placed {
  /** Below the value that is looked at. */
  readonly path?: readonly (string | number)[];
  /** The required field in whose place this not yet supported one was written. */
  readonly standsFor?: string | undefined;
  /** False where nothing that follows could make sense of the value. */
  readonly goOn?: boolean;
}

/** Adds a fault without hiding the others of the same document. */
export function report(ctx: Reporter, fault: Fault, { path = [], standsFor, goOn = true }: Placed = {}): void {
  const params = { code: fault.code ?? 'invalid', remedy: fault.remedy, standsFor };
  ctx.addIssue({ code: 'custom', message: fault.detail, params, path: [...path], ...(goOn && { continue: true }) });
}

/** One line for the reference page, and the field of Envoy's messages (or what else it becomes). */
export function about<S extends z.ZodType>(schema: S, description: string, envoy: string, more: object = {}): S {
  return schema.meta({ description, 'x-envoy': envoy, ...more });
}

export interface ObjectRules {
  /**
   * Fields of documents.md that this release does not carry out: name to the required field in whose place it would
   * stand, `*` for one more of `exactlyOne`, or ''.
   */
  readonly notYet?: Readonly<Record<string, string>>;
  /** Exactly one of these must be written. */
  readonly exactlyOne?: readonly string[];
  /** What to do if it is no object. */
  readonly remedy?: string;
  /** Fields that are taken, but that nobody is told to write. */
  readonly unlisted?: readonly string[];
  /** Looks at all fields together; also when some are at fault, hence the `unknown`. */
  readonly check?: (value: Readonly<Record<string, unknown>>) => FieldFault | readonly FieldFault[] | undefined;
}

/** A fault of one field, seen beside the others. */
export interface FieldFault extends Fault {
  readonly field: string;
}

/** An object that refuses every field it does not know. */
export function fields<S extends z.ZodRawShape>(shape: S, rules: ObjectRules = {}) {
  const known = Object.keys(shape);
  const listed = known.filter((name) => !rules.unlisted?.includes(name));
  const notYet = rules.notYet ?? {};
  const choices = rules.exactlyOne ?? [];
  return z
    .looseObject(shape, { error: rules.remedy ?? `Write an object with ${listOfNames(listed)}.` })
    .superRefine(
      (value: unknown, ctx) => {
        if (value === null || typeof value !== 'object' || Array.isArray(value)) return;
        for (const name of Object.keys(value)) {
          if (known.includes(name)) continue;
          if (Object.hasOwn(notYet, name)) {
            report(ctx, notSupportedYet(`\`${name}\``), { path: [name], standsFor: notYet[name] });
          } else {
            const detail = `There is no field \`${name}\` here.`;
            report(ctx, { code: 'unknown-field', detail, remedy: suggestion(name, listed) }, { path: [name] });
          }
        }
        const chosen = [...choices, ...Object.keys(notYet).filter((name) => notYet[name] === '*')].filter(
          (name) => (value as Record<string, unknown>)[name] !== undefined,
        );
        if (choices.length > 0 && chosen.length !== 1) {
          const found = chosen.length === 0 ? 'none' : listOfNames(chosen, 'and');
          const detail = `Exactly one of ${listOfNames(choices)} must be written; here is ${found}.`;
          report(ctx, { detail, remedy: chosen.length === 0 ? 'Write one of them.' : 'Keep one of them.' });
        }
        const faults = [rules.check?.(value as Record<string, unknown>) ?? []].flat();
        for (const fault of faults) report(ctx, fault, { path: [fault.field] });
      },
      { when: () => true },
    )
    .meta({ additionalProperties: false, 'x-not-supported-yet': Object.keys(notYet) });
}

export function listOfNames(names: readonly string[], last = 'or'): string {
  const quoted = names.map((name) => `\`${name}\``);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} ${last} ${quoted.at(-1)}`;
}

/** A text that a pure function turns into a value. */
export function text<T>(type: string, remedy: string, parse: (text: string) => Parsed<T>): Field<T> {
  return z
    .string({ error: remedy })
    .transform((written, ctx): T => {
      const parsed = parse(written);
      if (parsed.ok) return parsed.value;
      report(ctx, parsed.fault, { goOn: false });
      return z.NEVER;
    })
    .meta({ 'x-type': type });
}

/** One of a few words; those of documents.md that are not carried out yet are told apart from unknown ones. */
export function word<const T extends string>(known: readonly T[], notYet: readonly string[] = []): Field<T> {
  return text<T>(known.map((name) => `\`${name}\``).join(' | '), `Write ${listOfNames(known)}.`, (written) => {
    const found = known.find((name) => name === written);
    if (found !== undefined) return { ok: true, value: found };
    if (notYet.includes(written)) return { ok: false, fault: notSupportedYet(`\`${written}\``) };
    return { ok: false, fault: { detail: `${show(written)} is not a word here.`, remedy: suggestion(written, known) } };
  }).meta({ enum: known, 'x-not-supported-yet': notYet });
}

export interface ListRules {
  readonly least?: number;
  readonly most?: number;
  /** Elements with the same key are refused: what they are called in the sentence. */
  readonly unique?: { readonly what: string; readonly key: (element: unknown) => string | undefined };
  /** Looks at the whole list; also when elements are at fault, hence the `unknown`. */
  readonly check?: (elements: readonly unknown[]) => Fault | undefined;
}

/** A list; a list of one may be written as the thing itself. */
export function listOf<T>(element: Field<T>, rules: ListRules = {}): Field<T[]> {
  const { least = 0, most = limits.listLength } = rules;
  const together = (elements: unknown, ctx: Reporter): void => {
    if (!Array.isArray(elements)) return;
    const seen = new Set<string>();
    elements.forEach((value: unknown, index) => {
      const key = rules.unique?.key(value);
      if (key === undefined) return;
      if (seen.has(key)) {
        const detail = `${rules.unique?.what} ${key} is written twice.`;
        report(ctx, { detail, remedy: 'Keep one of them.' }, { path: [index] });
      }
      seen.add(key);
    });
    const fault = rules.check?.(elements);
    if (fault !== undefined) report(ctx, fault);
  };
  const many = z
    .array(element)
    .min(least)
    .max(most)
    .superRefine(together, { when: () => true });
  const one = element.transform((value, ctx) => {
    together([value], ctx);
    return [value];
  });
  return z.union([many, one]);
}

/** Key for lists of plain words. */
export function itself(element: unknown): string | undefined {
  return typeof element === 'string' ? element : undefined;
}

/** A whole number in a range. */
export function whole(least: number, most: number): z.ZodInt {
  const remedy = `Write a whole number from ${least} to ${most}.`;
  return z.int({ error: remedy }).min(least, { error: remedy }).max(most, { error: remedy });
}

/** Any number in a range. */
export function decimal(least: number, most: number): Field<number> {
  const remedy = `Write a number from ${least} to ${most}.`;
  const field = z.number({ error: remedy }).min(least, { error: remedy }).max(most, { error: remedy });
  return field.meta({ 'x-type': `number from ${least} to ${most}` });
}

export function yesNo() {
  return z.boolean({ error: 'Write `true` or `false`.' });
}

/** Adds one check that must hold for the finished value. */
export function must<T>(schema: Field<T>, check: (value: T) => Fault | undefined): Field<T> {
  return schema.superRefine((value, ctx) => {
    const fault = check(value);
    if (fault !== undefined) report(ctx, fault);
  });
}
