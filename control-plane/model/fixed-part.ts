/** What every path that a route takes begins with: by its length routes are ordered, and by it tenants claim. */
import type { RouteSpec } from './specs.ts';

type Path = RouteSpec['match']['path'];

export function fixedPart({ type, value }: Path): string {
  if (type === 'template') return value.split('{')[0] ?? '';
  return type === 'regex' ? literalStart(value) : value;
}

/** The literal characters before the first metacharacter; none if there are flags, or alternatives at the top. */
function literalStart(regex: string): string {
  if (/\(\?[a-zA-Z-]*[imsU]/.test(regex) || hasTopLevelAlternatives(regex)) return '';
  let start = '';
  for (let at = regex.startsWith('^') ? 1 : 0; at < regex.length; at++) {
    let char = regex[at]!;
    if (char === '\\') {
      char = regex[++at]!;
      // a letter or a digit behind a backslash stands for something else
      if (/\w/.test(char)) return start;
    } else if (/[.*+?^$|()[\]{}]/.test(char)) return start;
    // a character that may be missing is not fixed
    if (/[*?{]/.test(regex[at + 1] ?? '')) return start;
    start += char;
  }
  return start;
}

function hasTopLevelAlternatives(regex: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let at = 0; at < regex.length; at++) {
    const char = regex[at]!;
    if (char === '\\') at++;
    else if (inClass) inClass = char !== ']';
    else if (char === '[') {
      inClass = true;
      // a bracket that comes first is one of the class
      if (regex[at + 1] === '^') at++;
      if (regex[at + 1] === ']') at++;
    } else if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === '|' && depth === 0) return true;
  }
  return false;
}
