/** How an endpoint fares under `max_fails=3 fail_timeout=1s`, at our node and at nginx. */
import { waitFor } from '../support/fairlead.ts';
import type { Endpoint } from './endpoint.ts';

export async function requestsOfEight(endpoint: Endpoint, send: () => Promise<unknown>): Promise<number> {
  const before = endpoint.requests;
  for (let sent = 0; sent < 8; sent++) await send();
  return endpoint.requests - before;
}

/** How an endpoint with `max_fails=3 fail_timeout=1s` fares that is out, and is well when it is tried the second time. */
export async function fares(failing: Endpoint, send: () => Promise<unknown>): Promise<number[]> {
  const counts: number[] = [];
  const count = async (): Promise<void> => {
    counts.push(await requestsOfEight(failing, send));
  };
  const untilTried = async (): Promise<void> => {
    const before = failing.requests;
    await waitFor('a trial', async () => {
      await send();
      return failing.requests > before ? true : undefined;
    });
  };
  await count();
  await untilTried();
  await count();
  failing.mood = 'well';
  await untilTried();
  return counts;
}
