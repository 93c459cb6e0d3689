/** Conditions of a route, compiled to functions that ask for exactly what they need. */
import type { HeaderMatchConfig, RouteMatchConfig } from '../model/config.ts';
import type { RequestView } from './request-view.ts';

export type Predicate = (request: RequestView) => boolean;

/** One predicate for the whole match: path first, then the headers in order. */
export function compileMatch(match: RouteMatchConfig): Predicate {
  const path = compilePath(match);
  if (match.headers.length === 0) return path;
  const headers = match.headers.map(compileHeader);
  return (request) => {
    if (!path(request)) return false;
    for (const header of headers) if (!header(request)) return false;
    return true;
  };
}

function compilePath({ path, caseSensitive }: RouteMatchConfig): Predicate {
  const value = caseSensitive ? path.value : path.value.toLowerCase();
  const of = caseSensitive
    ? (request: RequestView): string => request.path
    : (request: RequestView): string => request.path.toLowerCase();
  switch (path.type) {
    case 'exact':
      return (request) => of(request) === value;
    case 'prefix':
      if (value === '/') return (request) => request.path.startsWith('/');
      return (request) => of(request).startsWith(value);
    case 'pathSeparatedPrefix':
      return (request) => {
        const subject = of(request);
        return (
          subject.startsWith(value) && (subject.length === value.length || subject.charCodeAt(value.length) === 47)
        );
      };
  }
}

function compileHeader(match: HeaderMatchConfig): Predicate {
  const { name, condition, invert, treatMissingAsEmpty } = match;
  if (condition.type === 'present') {
    const wanted = condition.present !== invert;
    return (request) => linesOf(request, name).length > 0 === wanted;
  }
  const test = compileValue(condition);
  return (request) => {
    const lines = linesOf(request, name);
    if (lines.length === 0) return treatMissingAsEmpty && test('') !== invert;
    for (const line of lines) if (test(line)) return !invert;
    return invert;
  };
}

function linesOf(request: RequestView, name: string): readonly string[] {
  switch (name) {
    case ':method':
      return [request.method];
    case ':path':
      return [request.path + request.query];
    case ':authority':
    case 'host':
      return [request.authority];
    default:
      return request.headerLines(name);
  }
}

function compileValue(
  condition: Exclude<HeaderMatchConfig['condition'], { type: 'present' }>,
): (value: string) => boolean {
  switch (condition.type) {
    case 'oneOf': {
      const values = new Set(condition.values);
      return (value) => values.has(value);
    }
    case 'range':
      return (value) => {
        const number = parseSigned(value);
        return number !== undefined && number >= condition.start && number < condition.end;
      };
    default: {
      const fold = condition.ignoreCase ? (text: string): string => text.toLowerCase() : (text: string): string => text;
      const wanted = fold(condition.value);
      if (condition.type === 'exact') return (value) => fold(value) === wanted;
      if (condition.type === 'prefix') return (value) => fold(value).startsWith(wanted);
      if (condition.type === 'suffix') return (value) => fold(value).endsWith(wanted);
      return (value) => fold(value).includes(wanted);
    }
  }
}

/** A whole signed integer, `+5` and `05` included, as Envoy reads range headers; undefined otherwise. */
function parseSigned(value: string): bigint | undefined {
  return /^[+-]?[0-9]{1,19}$/.test(value) ? BigInt(value.replace(/^\+/, '')) : undefined;
}
