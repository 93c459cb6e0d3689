/** Throws where what came through the proxy is not what it should be. */
export function sameText(found: string, expected: string, what: string): void {
  if (found === expected) return;
  throw new Error(`${what}: expected ${expected.slice(0, 300)}, found ${found.slice(0, 300)}`);
}
