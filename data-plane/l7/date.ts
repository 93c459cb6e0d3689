/** The Date header's value, made once a second. */
let second = -1;
let text = '';

/** @param epochMs wall clock */
export function httpDate(epochMs: number): string {
  const now = Math.floor(epochMs / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}
