/** Headers that a route changes: those that come, and the names of those that go. */
import type { HeaderChangesConfig } from '../model/config.ts';
import type { LogSegment } from '../model/log-format.ts';
import type { RequestView } from './request-view.ts';

export interface HeaderChanges {
  /** Names are lower-case. */
  readonly added: readonly (readonly [name: string, value: string])[];
  /** Lower-case names whose lines go. */
  readonly drops: ReadonlySet<string>;
}

export type HeaderRules = (request: RequestView) => HeaderChanges;

/** Null: nothing changes. `ofRequest`: variables see what was changed before them. */
export function compileChanges(
  config: HeaderChangesConfig | null,
  routeName: string,
  ofRequest: boolean,
): HeaderRules | null {
  if (config === null) return null;
  const change: HeaderRules = (request) => {
    const drops = new Set(config.remove);
    let added: [name: string, value: string][] = [];
    const first = (name: string): string | undefined => {
      const kept = ofRequest && drops.has(name) ? undefined : request.headerLines(name)[0];
      return kept ?? (ofRequest ? added.find(([other]) => other === name)?.[1] : undefined);
    };
    for (const { name, value, replace } of config.add) {
      const text = value.map((segment) => textOf(segment, request, routeName, first)).join('');
      if (text === '') continue;
      if (replace) {
        drops.add(name);
        added = added.filter(([other]) => other !== name);
      }
      added.push([name, text]);
    }
    return { added, drops };
  };
  if (config.add.some(({ value }) => value.some(({ type }) => type !== 'text'))) return change;
  let fixed: HeaderChanges | undefined;
  return (request) => (fixed ??= change(request));
}

function textOf(
  segment: LogSegment,
  request: RequestView,
  routeName: string,
  first: (name: string) => string | undefined,
): string {
  if (segment.type === 'text') return segment.text;
  if (segment.type === 'plain') {
    if (segment.operator === 'PROTOCOL') return request.protocol;
    return segment.operator === 'ROUTE_NAME' ? routeName : request.clientIp;
  }
  if (segment.type !== 'request-header') return '';
  const { name, fallback, maxLength } = segment;
  const value = first(name) ?? (fallback === null ? undefined : first(fallback)) ?? '';
  return maxLength === null ? value : value.slice(0, maxLength);
}
