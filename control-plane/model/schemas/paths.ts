/** Paths as they stand in documents: what a request's normalised path is compared with. */
import { limits } from '../limits.ts';
import { type Parsed, show } from '../problems.ts';
import { type Field, text } from './fields.ts';

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
