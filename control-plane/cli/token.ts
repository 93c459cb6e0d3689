/** `fairlead token`: make, list and revoke tokens. */
import type { Client } from './client.ts';
import { age, print, printError, table } from './output.ts';

export async function createToken(
  client: Client,
  request: { role: string; name?: string | undefined; expiresIn?: string | undefined; output: 'text' | 'json' },
): Promise<void> {
  const { output, ...asked } = request;
  const issued = await client.createToken(asked);
  if (output === 'json') {
    print(JSON.stringify(issued, null, 2));
    return;
  }
  // The secret alone goes to standard output, so that TOKEN=$(fairlead token create …) works.
  print(issued.token);
  printError(`Token ${issued.id} with role ${issued.role}, valid until ${issued.expiresAt}. It is not shown again.`);
}

export async function listTokens(client: Client, output: 'table' | 'json'): Promise<void> {
  const tokens = await client.tokens();
  if (output === 'json') {
    print(JSON.stringify({ items: tokens }, null, 2));
    return;
  }
  if (tokens.length === 0) {
    print('No tokens.');
    return;
  }
  const nowMs = Date.now();
  const rows = tokens.map((token) => [
    token.id,
    token.name === '' ? '-' : token.name,
    token.role,
    token.expiresAt ?? 'never',
    token.lastUsedAt === null ? 'never' : `${age(token.lastUsedAt, nowMs)} ago`,
  ]);
  print(table(['ID', 'NAME', 'ROLE', 'EXPIRES', 'LAST USED'], rows));
}

export async function revokeToken(client: Client, id: string): Promise<void> {
  await client.revokeToken(id);
  print(`Token ${id} is revoked.`);
}
