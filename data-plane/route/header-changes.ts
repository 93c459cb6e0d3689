/** Headers that a route changes, as the lines that come and the names that go. */
import type { HeaderChangesConfig } from '../model/config.ts';
import type { LogSegment } from '../model/log-format.ts';
import type { RequestView } from './request-view.ts';

export interface HeaderChanges {
  /** Whole header lines. */
  readonly lines: string;
  /** Lower-case names whose lines go. */
  readonly drops: ReadonlySet<string>;
}

export type HeaderRules = (request: RequestView) => HeaderChanges;

/** Null: nothing changes. */
export function compileChanges(config: HeaderChangesConfig | null, routeName: string): HeaderRules | null {
  if (config === null) return null;
  const change: HeaderRules = (request) => {
    const drops = new Set(config.remove);
    let lines: [name: string, value: string][] = [];
    for (const { name, value, replace } of config.add) {
      const text = value.map((segment) => textOf(segment, request, routeName)).join('');
      if (text === '') continue;
      if (replace) {
        drops.add(name);
        lines = lines.filter(([other]) => other !== name);
      }
      lines.push([name, text]);
    }
    return { lines: lines.map(([name, value]) => `${name}: ${value}\r\n`).join(''), drops };
  };
  if (config.add.some(({ value }) => value.some(({ type }) => type !== 'text'))) return change;
  let fixed: HeaderChanges | undefined;
  return (request) => (fixed ??= change(request));
}

function textOf(segment: LogSegment, request: RequestView, routeName: string): string {
  if (segment.type === 'text') return segment.text;
  if (segment.type === 'plain') {
    if (segment.operator === 'PROTOCOL') return 'HTTP/1.1';
    return segment.operator === 'ROUTE_NAME' ? routeName : request.clientIp;
  }
  if (segment.type !== 'request-header') return '';
  const { name, fallback, maxLength } = segment;
  const value =
    request.headerLines(name)[0] ?? (fallback === null ? undefined : request.headerLines(fallback)[0]) ?? '';
  return maxLength === null ? value : value.slice(0, maxLength);
}
