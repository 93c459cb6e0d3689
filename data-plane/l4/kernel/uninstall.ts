/** Takes a node's table away, with whatever flows by it. */
import { tableOf } from './names.ts';
import { NoTable, type System } from './nft.ts';
import { removal } from './transaction.ts';

/** Rejects where that can't be done; the message says why. @returns a sentence on what was done */
export async function uninstall(id: string, system: Pick<System, 'fault' | 'nft'>): Promise<string> {
  const table = tableOf(id);
  const fault = system.fault();
  if (fault !== null) throw new Error(`table inet ${table} was not looked for: ${fault}`);
  try {
    await system.nft(['-f', '-'], removal(table));
    return `table inet ${table} is removed, and the flows that went by it have ended`;
  } catch (error) {
    if (error instanceof NoTable) return `there is no table inet ${table}: nothing to remove`;
    throw error;
  }
}
