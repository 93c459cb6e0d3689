/** Of a node: two groups may each have one of the same id. */
export function keyOf(id: string, group: string): string {
  return JSON.stringify([id, group]);
}
