/** Who finds the addresses of a name, and what comes of it. */
import type { DnsConfig } from '../model/config.ts';

export type Answer = Found | Failed;

export interface Found {
  /** IP addresses, best first; empty: the name is known to have none. */
  readonly addresses: readonly string[];
  /** How long that holds; null: nobody says. */
  readonly ttlMs: number | null;
}

/** Nobody knows now: asked again, it may be found. */
export interface Failed {
  readonly error: string;
}

export interface Resolver {
  /** Never rejects. */
  lookUp(hostname: string, family: DnsConfig['family']): Promise<Answer>;
}

type Ask = (family: 4 | 6) => Promise<Answer>;

/** Asks for the addresses of one family after the other, or of both. */
export async function byFamily(family: DnsConfig['family'], ask: Ask): Promise<Answer> {
  switch (family) {
    case 'v4-only':
      return ask(4);
    case 'v6-only':
      return ask(6);
    case 'auto':
      return firstOf(ask, 6, 4);
    case 'v4-preferred':
      return firstOf(ask, 4, 6);
    case 'all': {
      const [v4, v6] = await Promise.all([ask(4), ask(6)]);
      return together(v4, v6);
    }
  }
}

async function firstOf(ask: Ask, first: 4 | 6, second: 4 | 6): Promise<Answer> {
  const answer = await ask(first);
  return isSome(answer) ? answer : together(answer, await ask(second));
}

/** That there is nothing is known only if both say so. */
function together(one: Answer, other: Answer): Answer {
  if ('error' in one) return isSome(other) ? other : one;
  if ('error' in other) return isSome(one) ? one : other;
  const ttls = [one, other].filter(isSome).flatMap(({ ttlMs }) => ttlMs ?? []);
  const ttlMs = ttls.length === 0 ? null : Math.min(...ttls);
  return { addresses: [...one.addresses, ...other.addresses], ttlMs };
}

function isSome(answer: Answer): answer is Found {
  return 'addresses' in answer && answer.addresses.length > 0;
}
