/** Conditions of a route, compiled to functions that ask for exactly what they need. */
import { compileTest } from '../../proto/re2/regex.ts';
import type { HeaderMatchConfig, QueryMatchConfig, RouteMatchConfig, TextConditionConfig } from '../model/config.ts';
import type { RequestView } from './request-view.ts';

export type Predicate = (request: RequestView) => boolean;

/** One predicate for the whole match: path first, then chance, the headers in order, and the query. */
export function compileMatch(match: RouteMatchConfig): Predicate {
  const path = compilePath(match);
  const { fraction } = match;
  const others: Predicate[] = [
    ...(fraction === null ? [] : [(request: RequestView): boolean => request.random < fraction]),
    ...match.headers.map(compileHeader),
    ...match.query.map(compileQuery),
  ];
  if (others.length === 0) return path;
  return (request) => {
    if (!path(request)) return false;
    for (const other of others) if (!other(request)) return false;
    return true;
  };
}

function compilePath({ path, caseSensitive }: RouteMatchConfig): Predicate {
  const value = caseSensitive ? path.value : path.value.toLowerCase();
  const of = caseSensitive
    ? (request: RequestView): string => request.path
    : (request: RequestView): string => request.path.toLowerCase();
  switch (path.type) {
    case 'regex':
    case 'template': {
      const test = compileTest(path.type === 'regex' ? path.value : templateRegex(path.value));
      return (request) => request.path !== '' && test(request.path);
    }
    case 'connect':
      return (request) => request.method === 'CONNECT';
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

/** What a variable of a template may stand for, as Envoy has it: what a segment may hold. */
const segment = "[A-Za-z0-9_~!$%&'()*+,:;=?@.-]+";

function templateRegex(template: string): string {
  return template
    .split('/')
    .map((part) => (/^\{.*\}$/.test(part) ? segment : part.replace(/[^\w]/g, '\\$&')))
    .join('/');
}

function compileQuery({ name, condition }: QueryMatchConfig): Predicate {
  if (condition.type === 'present') {
    return (request) => (firstParameter(request.query, name) !== undefined) === condition.present;
  }
  const test = compileValue(condition);
  return (request) => {
    const value = firstParameter(request.query, name);
    return value !== undefined && test(value);
  };
}

/** @param query `?` and what follows, or empty */
export function firstParameter(query: string, name: string): string | undefined {
  for (let start = 1; start < query.length; ) {
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    if (query.startsWith(name, start)) {
      const behind = start + name.length;
      if (behind === end) return '';
      if (behind < end && query.charCodeAt(behind) === 61) return query.slice(behind + 1, end);
    }
    start = end + 1;
  }
  return undefined;
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
  condition: TextConditionConfig | Extract<HeaderMatchConfig['condition'], { type: 'range' }>,
): (value: string) => boolean {
  switch (condition.type) {
    case 'regex':
      return compileTest(condition.value);
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
