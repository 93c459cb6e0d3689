/** The small texts that stand for quantities and names: durations, sizes, shares, addresses, names. */
import { isIP } from 'node:net';
import { limits } from './limits.ts';
import { type Parsed, show } from './problems.ts';

function refuse(detail: string, remedy: string): Parsed<never> {
  return { ok: false, fault: { detail, remedy } };
}

export const durationRemedy = 'Write a text with its unit: `250ms`, `15s`, `1h30m`; `0s` means none.';
const durationForm = /^(?:(\d{1,10})h)?(?:(\d{1,10})m)?(?:(\d{1,10})s)?(?:(\d{1,10})ms)?$/;

/** `1h30m` as milliseconds. Units from the largest to the smallest, whole numbers, each once. */
export function parseDuration(text: string): Parsed<number> {
  const match = text === '' ? null : durationForm.exec(text);
  if (match === null) {
    if (/^\d+(\.\d+)?$/.test(text)) return refuse(`${show(text)} is a duration without a unit.`, durationRemedy);
    if (/\d\.\d/.test(text))
      return refuse(`${show(text)} has a fraction.`, 'Write the smaller unit: `1500ms` for 1.5 s.');
    return refuse(`${show(text)} is no duration.`, durationRemedy);
  }
  const [hours, minutes, seconds, millis] = match.slice(1).map((digits) => Number(digits ?? 0));
  const value = ((hours! * 60 + minutes!) * 60 + seconds!) * 1000 + millis!;
  if (value > limits.durationMs) {
    return refuse(
      `${show(text)} is longer than ${formatDuration(limits.durationMs)}.`,
      'Write a shorter one; `0s` means none.',
    );
  }
  return { ok: true, value };
}

/** Milliseconds as people write them: 5400000 is `1h30m`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const parts: [number, string][] = [
    [Math.floor(ms / 3_600_000), 'h'],
    [Math.floor(ms / 60_000) % 60, 'm'],
    [Math.floor(ms / 1000) % 60, 's'],
    [ms % 1000, 'ms'],
  ];
  return parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join('');
}

export const sizeRemedy = 'Write a text with its unit: `512B`, `64KiB`, `1MiB`.';
const sizeUnits: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `64KiB` as bytes. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d{1,12})(B|KiB|MiB|GiB)$/.exec(text);
  if (match === null) {
    const decimal = /^\d+ ?(k|m|g)(i?b)?$/i.test(text);
    return refuse(`${show(text)} is no size.`, decimal ? `Units are powers of two. ${sizeRemedy}` : sizeRemedy);
  }
  return { ok: true, value: Number(match[1]) * sizeUnits[match[2]!]! };
}

export const percentRemedy = 'Write a text with a percent sign, `0%` to `100%`, such as `12.5%`.';

/** `12.5%` as 12.5; at most four decimals, as Envoy's finest fraction is a millionth. */
export function parsePercent(text: string): Parsed<number> {
  const match = /^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(text);
  if (match === null) return refuse(`${show(text)} is no percentage.`, percentRemedy);
  const value = Number(match[1]);
  return value <= 100 ? { ok: true, value } : refuse(`${show(text)} is more than the whole.`, percentRemedy);
}

export const addressRemedy = 'Write an IP address such as `10.0.1.11` or `fd00::11`; names belong in `dns`.';

/** An IPv4 or IPv6 address in its canonical text: `0:0::1` is `::1`. */
export function parseAddress(text: string): Parsed<string> {
  const version = isIP(text);
  if (version === 4) return { ok: true, value: text };
  if (version === 6 && !text.includes('%'))
    return { ok: true, value: new URL(`http://[${text}]`).hostname.slice(1, -1) };
  if (version === 6)
    return refuse(`${show(text)} carries a zone, which means something else on every node.`, addressRemedy);
  if (/^\[.*\]$/.test(text) && isIP(text.slice(1, -1)) === 6) {
    return refuse(`${show(text)} has brackets.`, `Write \`${text.slice(1, -1)}\`; the port has a field of its own.`);
  }
  const [host, port] = text.split(':');
  if (isIP(host ?? '') === 4 && port !== undefined) {
    return refuse(`${show(text)} carries a port.`, `Write \`${host}\`; the port has a field of its own.`);
  }
  if (/^[\d.]+$/.test(text)) return refuse(`${show(text)} is no IP address.`, addressRemedy);
  return refuse(`${show(text)} is a name, not an IP address.`, addressRemedy);
}

export const nameRemedy = `Write 1 to ${limits.nameLength} lower-case letters, digits or \`-\`.`;

export function parseName(text: string): Parsed<string> {
  if (text === '') return refuse('The name is empty.', nameRemedy);
  if (text.length > limits.nameLength) {
    return refuse(`The name is ${text.length} characters long; ${limits.nameLength} are allowed.`, nameRemedy);
  }
  if (/^[a-z0-9-]+$/.test(text)) return { ok: true, value: text };
  const lower = text.toLowerCase().replaceAll(/[_. ]/g, '-');
  const remedy = /^[a-z0-9-]+$/.test(lower) ? `${nameRemedy} Perhaps \`${lower}\`.` : nameRemedy;
  return refuse(`${show(text)} is not a name here.`, remedy);
}

export interface WrittenReference {
  readonly tenant?: string;
  readonly name: string;
}

/** `name` (the same owner's) or `tenant/name`. */
export function parseReference(text: string): Parsed<WrittenReference> {
  const parts = text.split('/');
  if (parts.length > 2)
    return refuse(`${show(text)} is no reference.`, "Write `name`, or `tenant/name` for another tenant's.");
  const names = parts.map(parseName);
  const wrong = names.find((name) => !name.ok);
  if (wrong !== undefined && !wrong.ok) return wrong;
  const [first, second] = parts;
  return { ok: true, value: second === undefined ? { name: first! } : { tenant: first!, name: second } };
}
