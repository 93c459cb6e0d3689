/** Label filters, as kubectl writes them: `app=shop`, `app!=shop`, `app`, `!app`; a comma or a second one means "and". */
import { ApiError } from './problems.ts';

export type LabelFilter = (labels: Readonly<Record<string, string>>) => boolean;

const term = /^(?:(!)?([\w./-]+)|([\w./-]+)(==?|!=)([^=!,\s]*))$/;

/** Throws a 400 for a filter that cannot be read. */
export function parseLabelFilters(texts: readonly string[]): LabelFilter {
  const filters = texts.flatMap((text) => text.split(',')).map(parseTerm);
  return (labels) => filters.every((filter) => filter(labels));
}

function parseTerm(text: string): LabelFilter {
  const match = term.exec(text.trim());
  if (!match) {
    throw new ApiError(400, `The label filter "${text}" cannot be read. Write name=value, name!=value, name or !name.`);
  }
  const [, not, present, name, operator, value] = match;
  if (present !== undefined) return (labels) => Object.hasOwn(labels, present) === (not === undefined);
  const wanted = operator !== '!=';
  return (labels) => (Object.hasOwn(labels, name!) && labels[name!] === value) === wanted;
}
