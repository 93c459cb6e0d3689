/**
 * The subscribers' process. It takes commands over HTTP, one after the other (fleet.ts sends them), so that what a
 * thousand clients cost is never on the server's account.
 */
import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { Client, credentials } from '@grpc/grpc-js';
import { DeltaSubscriber } from './delta-subscriber.ts';
import { type Joined, type JoinOptions, nowMillis, type Seen } from './fleet.ts';

/** One subscriber, and what it has acknowledged since the last arming. */
interface Member {
  readonly subscriber: DeltaSubscriber;
  /** Still to come since the last arming; 0: done. */
  awaited: number;
  /** When the last awaited one was acknowledged; see nowMillis. */
  atMillis: number;
  bytes: number;
}

let clients: Client[] = [];
let members: Member[] = [];
let waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
let missing = 0;
let failure: Error | undefined;
/** Those that read nothing any more. */
let stopped: Member[] = [];

async function join({
  target,
  count,
  streamsPerConnection,
  ownConnections,
  types,
  ...identity
}: JoinOptions): Promise<Joined> {
  leave();
  const startedMillis = nowMillis();
  missing = count;
  const joined = arrival();
  for (let index = 0; index < count; index++) {
    if (index % streamsPerConnection === 0 || index >= count - ownConnections) clients.push(connect(target));
    const member: Member = {
      subscriber: new DeltaSubscriber({
        client: clients.at(-1) as Client,
        id: `${identity.prefix}-${index}`,
        group: identity.group,
        token: identity.token,
        types,
        onAcknowledged: (_type, bytes) => acknowledged(member, bytes),
        onEnd: failed,
      }),
      awaited: types.length,
      atMillis: 0,
      bytes: 0,
    };
    members.push(member);
  }
  await joined;
  const { lastMillis, bytes } = seen();
  return { tookMillis: lastMillis - startedMillis, bytesEach: bytes / count };
}

function connect(target: string): Client {
  return new Client(target, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
}

/** The next response of every one that reads is awaited from now on. */
function arm(): void {
  missing = members.length;
  for (const member of members) Object.assign(member, { awaited: 1, atMillis: 0, bytes: 0 });
}

function acknowledged(member: Member, bytes: number): void {
  member.bytes += bytes;
  member.atMillis = nowMillis();
  if (member.awaited === 0 || --member.awaited > 0) return;
  if (--missing === 0) waiting?.resolve();
}

function failed(error: Error): void {
  failure = error;
  waiting?.reject(error);
}

function arrival(): Promise<void> {
  if (failure !== undefined) return Promise.reject(failure);
  if (missing === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    waiting = { resolve, reject };
  });
}

function seen(): Seen & { readonly lastMillis: number } {
  const atMillis = members.map((member) => member.atMillis);
  const bytes = members.reduce((sum, member) => sum + member.bytes, 0);
  return { atMillis, bytes, lastMillis: atMillis.reduce((a, b) => Math.max(a, b), 0) };
}

function leave(): void {
  for (const { subscriber } of [...members, ...stopped]) subscriber.close();
  for (const client of clients) client.close();
  [members, stopped, clients, failure, waiting] = [[], [], [], undefined, undefined];
}

/** The last `count` read nothing any more and are not waited for. */
function stopReading(count: number): void {
  for (const { subscriber } of members.slice(members.length - count)) subscriber.stopReading();
  stopped.push(...members.splice(members.length - count));
}
const commands: Readonly<Record<string, (body: unknown) => Promise<unknown> | unknown>> = {
  '/join': (body) => join(body as JoinOptions),
  '/arm': () => arm(),
  '/arrived': () => arrival().then(seen),
  '/stop-reading': (body) => stopReading((body as { readonly count: number }).count),
  '/leave': () => leave(),
};

const server = http.createServer(async (request, response) => {
  try {
    const command = commands[request.url ?? ''];
    if (command === undefined) throw new Error(`There is no command ${request.url}.`);
    response.end(JSON.stringify((await command(await json(request))) ?? null));
  } catch (error) {
    response.writeHead(500).end(error instanceof Error ? error.message : String(error));
  }
});
server.requestTimeout = 0;
server.listen(Number(process.argv[2]), '127.0.0.1');
await once(server, 'listening');
