/**
 * Headers that are lists: Envoy joins the lines of those that it knows, so that routes match the whole list, and endpoints
 * get one line.
 */

/** As measured; cookies and unknown names stay as they came. */
export const requestLists: ReadonlySet<string> = new Set([
  ...['accept', 'accept-encoding', 'access-control-request-headers', 'access-control-request-method'],
  ...['access-control-request-private-network', 'authorization', 'cache-control', 'cdn-loop', 'content-encoding'],
  ...['content-type', 'grpc-accept-encoding', 'grpc-timeout', 'if-match', 'if-modified-since', 'if-none-match'],
  ...['if-range', 'if-unmodified-since', 'origin', 'pragma', 'proxy-status', 'referer', 'user-agent', 'via'],
  ...['x-client-trace-id', 'x-envoy-attempt-count', 'x-forwarded-host', 'x-forwarded-port'],
]);

/** The values of all lines of one name, without the empty ones. */
export function joinedValue(lines: readonly string[]): string {
  return lines.filter((line) => line !== '').join(',');
}

interface Names {
  readonly nameStart: Int32Array;
  readonly nameEnd: Int32Array;
}

/** Whether the name of line `n` is that of an earlier one. */
export function occursBefore({ nameStart, nameEnd }: Names, b: Uint8Array, n: number): boolean {
  const start = nameStart[n]!;
  const length = nameEnd[n]! - start;
  for (let i = 0; i < n; i++) {
    const other = nameStart[i]!;
    if (nameEnd[i]! - other !== length) continue;
    let at = 0;
    while (at < length && b[other + at] === b[start + at]) at++;
    if (at === length) return true;
  }
  return false;
}
