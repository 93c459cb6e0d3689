/** Regular expressions of RE2's syntax: read, measured, compiled. The one door of this room. */
import { compile } from './compile.ts';
import { type TextTest, textTest } from './matcher.ts';
import { type Pattern, parse, SyntaxFault } from './parse.ts';
import { type TextReplace, textReplace } from './replace.ts';
import { programSize } from './size.ts';

/** Envoy's default limit of a program's steps (`re2.max_program_size.error_level`). */
export const mostProgramSteps = 100;
/** Longer texts are not looked at: no program of 100 steps needs them. */
const longestText = 4096;

/** A pattern that every proxy takes, or why there is none. */
export type ReadRegex =
  | { readonly ok: true; readonly pattern: Pattern }
  | { readonly ok: false; readonly message: string };

export function readRegex(text: string): ReadRegex {
  if (text.length > longestText) return { ok: false, message: `is longer than ${longestText} characters` };
  try {
    const pattern = parse(text);
    const size = programSize(pattern);
    if (size <= mostProgramSteps) return { ok: true, pattern };
    return { ok: false, message: `has RE2 program size ${size}; ${mostProgramSteps} is the most` };
  } catch (error) {
    if (error instanceof SyntaxFault)
      return { ok: false, message: `is no regular expression of RE2's: ${error.message}` };
    throw error;
  }
}

/** A test of whole texts, each character a byte. The pattern is one that {@link readRegex} took. */
export function compileTest(text: string): TextTest {
  return textTest(compile(parse(text)));
}

/** What replaces all matches in a text, each character a byte. {@link readRegex} and `substitutionFault` took both. */
export function compileReplace(text: string, substitution: string): TextReplace {
  return textReplace(compile(parse(text)), Buffer.from(substitution, 'utf8').toString('latin1'));
}
