/** Fields that several kinds share. */
import { z } from 'zod';
import { cidrRemedy, parseCidr } from '../cidr.ts';
import { canonicalHost } from '../hosts.ts';
import { limits } from '../limits.ts';
import { type Fault, type Parsed, show } from '../problems.ts';
import {
  addressRemedy,
  durationRemedy,
  formatDuration,
  nameRemedy,
  parseAddress,
  parseDuration,
  parseName,
  parsePercent,
  parseReference,
  parseSize,
  percentRemedy,
  sizeRemedy,
  type WrittenReference,
} from '../units.ts';
import { about, type Field, fields, itself, listOf, must, report, text, whole } from './fields.ts';

/** Milliseconds. */
export function duration(range: { readonly least?: number; readonly most?: number } = {}): Field<number> {
  const { least = 0, most = limits.durationMs } = range;
  return must(text('duration', durationRemedy, parseDuration), (ms): Fault | undefined => {
    if (ms >= least && ms <= most) return undefined;
    const remedy =
      ms < least ? `Write \`${formatDuration(least)}\` or more.` : `Write \`${formatDuration(most)}\` or less.`;
    return { detail: `${formatDuration(ms)} is too ${ms < least ? 'short' : 'long'}.`, remedy };
  }).meta({ 'x-type': 'duration', pattern: '^(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?$' });
}

/** Bytes. */
export function size(): Field<number> {
  return text('size', sizeRemedy, parseSize).meta({ pattern: '^\\d+(B|KiB|MiB|GiB)$' });
}

/** 0 to 100. */
export function percent(): Field<number> {
  return text('percentage', percentRemedy, parsePercent).meta({ pattern: '^\\d+(\\.\\d+)?%$' });
}

/** 0 to 100, whole. */
export function sharePercent(): Field<number> {
  return wholePercent(0, 100);
}

/** Whole ones, which may be more than the whole. */
export function wholePercent(least: number, most: number): Field<number> {
  const remedy = `Write a text with a percent sign, \`${least}%\` to \`${most}%\`.`;
  return text('percentage', remedy, (written): Parsed<number> => {
    const value = Number(/^(\d{1,9})%$/.exec(written)?.[1] ?? Number.NaN);
    if (value >= least && value <= most) return { ok: true, value };
    return { ok: false, fault: { detail: `${show(written)} is no such percentage.`, remedy } };
  }).meta({ pattern: '^\\d+%$' });
}

export function address(): Field<string> {
  return text('IP address', addressRemedy, parseAddress);
}

/** Canonical `address/bits`. */
export function cidr(): Field<string> {
  return text('address range', cidrRemedy, parseCidr);
}

export function name(): Field<string> {
  return text('name', nameRemedy, parseName).meta({ pattern: '^[a-z0-9-]{1,63}$' });
}

/** Names, none twice. */
export function names(least = 1): Field<string[]> {
  return listOf(name(), { least, unique: { what: 'The name', key: itself } });
}

/** A reference as written; `schemas/kinds.ts` fills in the owner. */
export function reference(): Field<WrittenReference> {
  return text('reference', 'Write a `name`, or `tenant/name`.', parseReference);
}

/** Exact, `*.suffix`, and where `any` says so `prefix.*` and `*`. */
export function host(any: boolean): Field<string> {
  const field = text('host', 'Write a host name such as `shop.example.com`.', canonicalHost);
  if (any) return field;
  return must(field, (value) => {
    if (!value.endsWith('*')) return undefined;
    const stands = value === '*' ? 'every host' : 'hosts under any domain';
    const detail = `\`${value}\` stands for ${stands}; only the platform may say it.`;
    return { detail, remedy: 'Name the hosts, or `*.suffix`.' };
  }).meta({ 'x-type': 'host' });
}

/** A text of printable characters that a header or a log line can carry. */
export function plainText(least: number, most: number = limits.textLength): Field<string> {
  return text('text', 'Write a text; numbers in quotes.', (written) => {
    if (written.length < least) return { ok: false, fault: { detail: 'The text is empty.', remedy: 'Fill it in.' } };
    if (written.length > most) {
      const detail = `The text is ${written.length} characters long; ${most} are allowed.`;
      return { ok: false, fault: { detail, remedy: 'Make it shorter.' } };
    }
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(written)) {
      return { ok: false, fault: { detail: 'The text holds control characters.', remedy: 'Take them out.' } };
    }
    return { ok: true, value: written };
  });
}

/** Key to value, both texts. */
export function labels(): Field<Record<string, string>> {
  const value = plainText(0, limits.labelValueLength);
  return z
    .record(z.string(), value, { error: 'Write an object of texts, such as `{ version: v2 }`.' })
    .superRefine(
      (written: unknown, ctx) => {
        if (written === null || typeof written !== 'object') return;
        const keys = Object.keys(written);
        if (keys.length > limits.labels) {
          report(ctx, { detail: `${keys.length} labels are too many.`, remedy: `Write ${limits.labels} or fewer.` });
        }
        for (const key of keys) {
          if (key.length <= limits.labelKeyLength && /^[A-Za-z0-9._/-]+$/.test(key)) continue;
          const remedy = `Write 1 to ${limits.labelKeyLength} letters, digits, \`.\`, \`_\`, \`/\` or \`-\`.`;
          report(ctx, { detail: 'This is no name of a label.', remedy }, { path: [key] });
        }
      },
      { when: () => true },
    )
    .meta({ 'x-type': 'object of texts' });
}

/** Where connections go. */
export function destinations(envoy: string, notYet: readonly string[]) {
  const destination = fields(
    {
      cluster: about(reference(), 'The cluster: a name, or `tenant/name`.', `${envoy}.name`),
      weight: about(whole(0, limits.weightSum).prefault(1), 'Its share of the sum of all weights.', `${envoy}.weight`),
    },
    { notYet: Object.fromEntries(notYet.map((field) => [field, ''])) },
  ).transform(({ cluster, weight }) => ({ cluster, weight }));
  return listOf<{ cluster: WrittenReference; weight: number }>(destination, {
    least: 1,
    most: limits.destinations,
    check: (elements) => weightsFault(elements),
  });
}

export function weightsFault(elements: readonly unknown[]): Fault | undefined {
  if (elements.length === 0) return undefined;
  let sum = 0;
  for (const element of elements) {
    const weight = (element as { weight?: unknown } | null)?.weight;
    if (typeof weight !== 'number') return undefined;
    sum += weight;
  }
  if (sum === 0)
    return { detail: 'The weights sum to 0: nothing could be chosen.', remedy: 'Give one of them a weight.' };
  if (sum <= limits.weightSum) return undefined;
  return { detail: `The weights sum to ${sum}; ${limits.weightSum} is the most.`, remedy: 'Write smaller weights.' };
}
