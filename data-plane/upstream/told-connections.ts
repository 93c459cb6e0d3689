/** Of one endpoint: the connections that tell it of a client, each client's own. */
import type { PooledConnection, SharedConnection } from './host.ts';
import type { ToldClient } from './told-client.ts';

export class ToldConnections {
  /** The client that has been without a request for the longest comes first. */
  readonly #idle = new Map<ToldClient, PooledConnection[]>();
  readonly #shared = new Map<ToldClient, Set<SharedConnection>>();
  /** All that are idle. */
  idleCount = 0;

  hasIdle(client: ToldClient): boolean {
    return this.#idle.has(client);
  }

  takeIdle(client: ToldClient): PooledConnection | undefined {
    const list = this.#idle.get(client);
    const connection = list?.pop();
    if (connection === undefined) return undefined;
    this.idleCount--;
    if (list!.length === 0) this.#idle.delete(client);
    return connection;
  }

  putIdle(client: ToldClient, connection: PooledConnection): void {
    const list = this.#idle.get(client) ?? [];
    list.push(connection);
    this.#idle.delete(client);
    this.#idle.set(client, list);
    this.idleCount++;
  }

  dropIdle(client: ToldClient, connection: PooledConnection): void {
    const list = this.#idle.get(client);
    const index = list?.lastIndexOf(connection) ?? -1;
    if (index < 0) return;
    list!.splice(index, 1);
    this.idleCount--;
    if (list!.length === 0) this.#idle.delete(client);
  }

  sharedOf(client: ToldClient): Iterable<SharedConnection> {
    return this.#shared.get(client) ?? [];
  }

  addShared(client: ToldClient, connection: SharedConnection): void {
    const all = this.#shared.get(client);
    if (all === undefined) this.#shared.set(client, new Set([connection]));
    else all.add(connection);
  }

  dropShared(client: ToldClient, connection: SharedConnection): void {
    const all = this.#shared.get(client);
    if (all?.delete(connection) === true && all.size === 0) this.#shared.delete(client);
  }

  /** One without a request goes, so that another client has a place. */
  closeOneIdle(): void {
    for (const client of this.#idle.keys()) {
      close(this.takeIdle(client)!);
      return;
    }
    for (const all of this.#shared.values()) {
      for (const connection of all) {
        if (!connection.isIdle) continue;
        connection.drain();
        return;
      }
    }
  }

  /** Of one client; those in use finish. */
  closeIdleOf(client: ToldClient): void {
    for (let one = this.takeIdle(client); one !== undefined; one = this.takeIdle(client)) close(one);
    for (const connection of [...this.sharedOf(client)]) connection.drain();
    this.#shared.delete(client);
  }

  closeIdle(): void {
    for (const client of new Set([...this.#idle.keys(), ...this.#shared.keys()])) this.closeIdleOf(client);
  }
}

function close(connection: PooledConnection): void {
  connection.idleDeadline.disarm();
  connection.close();
}
