/** Regular expressions in documents: what every proxy takes, since one that it refuses would cost everybody their routes. */
import { readRegex } from '../../../proto/re2/regex.ts';
import { type Parsed, show } from '../problems.ts';
import { type Field, text } from './fields.ts';

const remedy = 'Write a regular expression such as `/v[0-9]+/.*` (RE2); it is compared with the whole text.';

export function parseRegex(written: string): Parsed<string> {
  if (written === '') return { ok: false, fault: { detail: 'The regex is empty.', remedy } };
  if (/[\x00-\x1f\x7f]/.test(written)) {
    const detail = 'The regex holds control characters.';
    return { ok: false, fault: { detail, remedy: 'Write them as escapes, `\\t`.' } };
  }
  const read = readRegex(written);
  if (read.ok) return { ok: true, value: written };
  return {
    ok: false,
    fault: { detail: `${show(written)} ${read.message}.`, remedy: 'Write a smaller or simpler one.' },
  };
}

export function regex(): Field<string> {
  return text('regex', remedy, parseRegex);
}
