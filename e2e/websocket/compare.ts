/** Has the same conversations directly and through the proxy, and compares what each end heard, byte for byte. */
import { isDeepStrictEqual } from 'node:util';
import { type Conversation, conversationOf } from './conversation.ts';
import { type Heard, Peer, type Server } from './peers.ts';

/** Connects the client's end of a conversation. */
export type Dial = (conversation: Conversation) => Promise<Peer>;

export interface Outcome {
  readonly client: Heard;
  readonly server: Heard;
}

export interface Difference {
  readonly conversation: Conversation;
  readonly direct: Outcome;
  readonly proxied: Outcome;
}

/** So many at a time. */
const atOnce = 8;

export interface Compared {
  readonly differences: readonly Difference[];
  /** By the index of their conversation. */
  readonly outcomes: readonly Outcome[];
}

/** @param dials how each client connects to the server itself, and through the proxy */
export async function compare(
  seed: number,
  count: number,
  server: Server,
  dials: { readonly direct: Dial; readonly proxied: Dial },
): Promise<Compared> {
  const conversations = Array.from({ length: count }, (_, index) => conversationOf(seed, index));
  const differences: Difference[] = [];
  const outcomes: Outcome[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const conversation = conversations[index]!;
      const direct = await converse(conversation, server, dials.direct);
      const proxied = await converse(conversation, server, dials.proxied);
      outcomes[index] = proxied;
      if (!isDeepStrictEqual(direct, proxied)) differences.push({ conversation, direct, proxied });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return { differences, outcomes };
}

async function converse(conversation: Conversation, server: Server, dial: Dial): Promise<Outcome> {
  const accepted = server.accept(conversation);
  const peers = { client: await dial(conversation), server: await accepted };
  for (const turn of conversation.turns) {
    const heard = [
      peers.client.hears(peers.client.eventCount + Peer.eventsOf(turn.server)),
      peers.server.hears(peers.server.eventCount + Peer.eventsOf(turn.client)),
    ];
    peers.client.say(turn.client);
    peers.server.say(turn.server);
    await Promise.all(heard);
  }
  end(conversation, peers);
  await Promise.all([peers.client.closed, peers.server.closed]);
  return { client: peers.client.heard, server: peers.server.heard };
}

function end({ ending }: Conversation, peers: { readonly client: Peer; readonly server: Peer }): void {
  const { by, how, code, reason, parting } = ending;
  const close = (peer: Peer): void => (code === null ? peer.socket.close() : peer.socket.close(code, reason));
  if (by === 'both') {
    close(peers.client);
    close(peers.server);
    return;
  }
  const other = by === 'client' ? peers.server : peers.client;
  // at the end of its peer, `ws` drops what it has not compressed yet
  other.say(parting, how !== 'half');
  if (how === 'close') close(peers[by]);
  else if (how === 'half') peers[by].half();
  else peers[by].socket.terminate();
}

/** Says what differs, for a person. */
export function describe({ conversation, direct, proxied }: Difference): string {
  const { by, how } = conversation.ending;
  const said = (side: 'client' | 'server'): string =>
    isDeepStrictEqual(direct[side], proxied[side])
      ? ''
      : `\n  ${side}, direct:  ${JSON.stringify(direct[side])}\n  ${side}, proxied: ${JSON.stringify(proxied[side])}`;
  return `conversation ${conversation.index} (ended by ${by}: ${how})${said('client')}${said('server')}`;
}
