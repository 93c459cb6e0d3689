/** How an endpoint fares under `max_fails=3 fail_timeout=1s`, at our node and at nginx. */
import { waitFor } from '../support/fairlead.ts';
import type { Endpoint } from './endpoint.ts';

export async function requestsOfEight(endpoint: Endpoint, send: () => Promise<unknown>): Promise<number> {
  const before = endpoint.requests;
  for (let sent = 0; sent < 8; sent++) await send();
  return endpoint.requests - before;
}

export const failTimeoutMs = 1_000;

/** Eight requests, while the endpoint is out. */
export interface WhileOut {
  readonly got: number;
  /** On a machine that is busy a trial may come by, and another one with each second. */
  readonly atMost: number;
}

/** How an endpoint with `max_fails=3 fail_timeout=1s` fares that is out, and is well when it is tried the second time. */
export async function fares(failing: Endpoint, send: () => Promise<unknown>): Promise<[WhileOut, WhileOut]> {
  const count = async (): Promise<WhileOut> => {
    const beganMs = performance.now();
    const got = await requestsOfEight(failing, send);
    return { got, atMost: 1 + Math.floor((performance.now() - beganMs) / failTimeoutMs) };
  };
  const untilTried = async (): Promise<void> => {
    const before = failing.requests;
    await waitFor('a trial', async () => {
      await send();
      return failing.requests > before ? true : undefined;
    });
  };
  const out = await count();
  await untilTried();
  const outAgain = await count();
  failing.mood = 'well';
  await untilTried();
  return [out, outAgain];
}
