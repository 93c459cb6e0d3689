/** Labels: the texts of a google.protobuf.Struct. */
import { type StructMessage, structToJson } from './messages.ts';
import { type Place, unsupported } from './problems.ts';

type Labels = Readonly<Record<string, string>>;

/** What endpoints are to have; only texts are labels. */
export function readLabels(place: Place, struct: unknown): Labels {
  const entries = Object.entries(structToJson((struct ?? {}) as StructMessage));
  for (const [name, value] of entries) {
    if (typeof value !== 'string') place.field(name).refuse(`anything but a text is ${unsupported}`);
  }
  return textsOf(entries);
}

/** What an endpoint has; values that are no texts could not be asked for. */
export function labelsOf(struct: unknown): Labels {
  return textsOf(Object.entries(structToJson((struct ?? {}) as StructMessage)));
}

function textsOf(entries: readonly (readonly [string, unknown])[]): Labels {
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
