/** Every order is as likely as any other, so that a fleet with one list spreads over all of it. */
export function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const rest = [...list];
  return list.flatMap(() => rest.splice(Math.floor(random() * rest.length), 1));
}
