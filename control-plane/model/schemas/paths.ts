/** Paths as they stand in documents: what a request's normalised path is compared with. */
import { limits } from '../limits.ts';
import { type Parsed, show } from '../problems.ts';
import { type Field, text } from './fields.ts';

/** Envoy's: variables in one template. */
const templateVariables = 5;

const remedy = 'Write a path such as `/api/v1/orders`.';

function refuse(detail: string, what = remedy): Parsed<never> {
  return { ok: false, fault: { detail, remedy: what } };
}

/** The path of a request target, without query. */
export function parsePath(written: string): Parsed<string> {
  if (written === '') return refuse('The path is empty: every request has one.', 'Write `/` for all paths.');
  if (written.length > limits.pathLength) {
    return refuse(`The path is ${written.length} characters long; ${limits.pathLength} are allowed.`);
  }
  if (!written.startsWith('/')) return refuse(`${show(written)} does not begin with \`/\`.`, `Write \`/${written}\`.`);
  if (/[?#]/.test(written)) {
    return refuse(`${show(written)} holds a \`?\` or \`#\`, which no path has.`, 'Write the path alone.');
  }
  if (/[^\x21-\x7e]/.test(written)) {
    return refuse(
      `${show(written)} holds characters that a path cannot carry.`,
      'Write them percent-encoded (`%C3%A9`).',
    );
  }
  return { ok: true, value: written };
}

/** A prefix ends at a segment: `/api/` is `/api`, and `/` is everything. */
export function parsePathPrefix(written: string): Parsed<string> {
  const path = parsePath(written);
  return path.ok ? { ok: true, value: path.value.replace(/\/+$/, '') || '/' } : path;
}

/** `/v1/{id}/items`: a whole path, in which `{name}` stands for one segment. */
export function parseTemplate(written: string): Parsed<string> {
  const path = parsePath(written);
  if (!path.ok) return path;
  if (written.length > limits.templateLength) {
    return refuse(`The template is ${written.length} characters long; ${limits.templateLength} are allowed.`);
  }
  const names = new Set<string>();
  for (const segment of written.slice(1).split('/')) {
    const [, name] = /^\{([^{}]*)\}$/.exec(segment) ?? [];
    if (name === undefined) {
      if (/^[A-Za-z0-9\-._~%!$&'()+,;:@=]*$/.test(segment)) continue;
      const what = 'Write whole segments: plain ones, or `{name}`.';
      return refuse(`${show(segment)} is no segment of a template.`, what);
    }
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name) || name.length > limits.templateNameLength) {
      return refuse(`${show(name)} is no name of a variable.`, 'Write a letter, then letters, digits and `_`.');
    }
    if (names.has(name)) return refuse(`The variable \`${name}\` stands twice.`, 'Give each a name of its own.');
    names.add(name);
  }
  if (names.size > templateVariables) {
    return refuse(`${names.size} variables are too many.`, `Write ${templateVariables} or fewer, or a regex.`);
  }
  if (written.includes('//')) return refuse('The template has an empty segment.', 'Write one `/` between segments.');
  return path;
}

export function template(): Field<string> {
  return text('template', 'Write a path such as `/v1/{id}/items`.', parseTemplate);
}

export function path(): Field<string> {
  return text('path', remedy, parsePath);
}

export function pathPrefix(): Field<string> {
  return text('path', remedy, parsePathPrefix);
}

/** Whether every path under `prefix` (canonical, segment-wise) holds `path`. */
export function liesUnder(prefix: string, path: string): boolean {
  return prefix === '/' || path === prefix || path.startsWith(`${prefix}/`);
}
