/** The short form of `npm run websockets`. */
import { expect, test } from 'vitest';
import { describe } from './compare.ts';
import { haveConversations, legs } from './run.ts';

test.each(legs)(
  'WebSocket conversations from $client to $endpoint are the same through the proxy as without it, byte for byte',
  async (leg) => {
    // one that has all of what is looked for below; `npm run websockets` draws its own
    const seed = Number(process.env['SEED'] ?? 20261121);
    console.log(`SEED=${seed}`);
    const { differences, outcomes, logged, heard, faults } = await haveConversations(seed, 20, leg);
    expect(differences.map(describe)).toEqual([]);
    expect(faults).toEqual([]);
    expect(logged).toEqual({
      lines: 20,
      statuses: [leg.client === 'HTTP/2' ? 200 : 101],
      toClients: heard.clients,
      toServers: heard.servers,
    });
    // the conversations are worth the name
    const events = outcomes.flatMap(({ client, server }) => [...client.events, ...server.events]);
    for (const kind of ['text', 'binary', 'ping', 'pong', 'closed 1006']) {
      expect(events.some((event) => event.startsWith(kind))).toBe(true);
    }
    expect(events.some((event) => Number(event.split(' ')[1]) >= 16 * 1024 * 1024)).toBe(true);
  },
);
