/** Cookies of requests as Envoy reads them, and those of answers as it writes them. */

interface Attribute {
  readonly name: string;
  readonly value: string;
}

/**
 * The value of the first cookie of this name, without the quotes around it; empty: there is none.
 * @param lines the values of the header `cookie`
 */
export function cookieValue(lines: readonly string[], name: string): string {
  for (const line of lines) {
    for (let start = 0; start < line.length; ) {
      const semicolon = line.indexOf(';', start);
      const end = semicolon < 0 ? line.length : semicolon;
      while (start < end && line.charCodeAt(start) === 32) start++;
      const equals = start + name.length;
      if (equals < end && line.charCodeAt(equals) === 61 && line.startsWith(name, start)) {
        return unquoted(line.slice(equals + 1, end));
      }
      start = end + 1;
    }
  }
  return '';
}

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** What follows the quoted value in `set-cookie`. @param ttlMs under a second: until the client closes */
export function setCookieTail(ttlMs: number, path: string, attributes: readonly Attribute[]): string {
  const seconds = Math.floor(ttlMs / 1000);
  const age = seconds === 0 ? '' : `; Max-Age=${seconds}`;
  const where = path === '' ? '' : `; Path=${path}`;
  const more = attributes.map(({ name, value }) => (value === '' ? `; ${name}` : `; ${name}=${value}`)).join('');
  return `${age}${where}${more}; HttpOnly`;
}
