/** Who presents a token: the bootstrap administrator's, or one of the store's. REST and xDS ask the same object. */
import { StoreError, type TokenRecord, type TokenStore } from '../store/store.ts';
import { parseRole, type Role } from './roles.ts';
import { hashSecret, isWellFormed, sameHash } from './token-secret.ts';

export interface Identity {
  /** Token id; `bootstrap` for the token of FAIRLEAD_ADMIN_TOKEN. */
  readonly id: string;
  readonly role: Role;
  /** How writes name who made them. */
  readonly author: string;
}

export interface Authenticator {
  /**
   * The identity behind a secret, or undefined for one that is unknown, revoked or expired.
   * Throws StoreError if the store cannot say and this process has not seen the token lately.
   */
  verify(secret: string): Promise<Identity | undefined>;
  /** Forgets what is remembered of a token, so that its revocation holds here at once. */
  forget(tokenId: string): void;
}

export interface AuthenticatorOptions {
  readonly tokens: TokenStore;
  /** The bootstrap administrator token. */
  readonly adminToken: string | undefined;
  readonly now: () => number;
  /** How long an answer of the store is believed: a revocation elsewhere holds here after this long. */
  readonly freshMs?: number;
  /** How long a known token still opens the door while the store does not answer: reading and serving need no store. */
  readonly staleMs?: number;
  readonly capacity?: number;
}

interface Entry {
  readonly record: TokenRecord;
  readonly role: Role;
  checkedMs: number;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { tokens, now, freshMs = 2_000, staleMs = 3_600_000, capacity = 10_000 } = options;
  const adminHash = options.adminToken === undefined ? undefined : hashSecret(options.adminToken);
  /** By hash of the secret; the oldest entry first. */
  const known = new Map<string, Entry>();
  const asking = new Map<string, Promise<Entry | undefined>>();

  async function ask(hash: string): Promise<Entry | undefined> {
    const before = known.get(hash);
    const askedMs = now();
    try {
      const record = await tokens.findByHash(hash);
      const role = record && parseRole(record.role);
      known.delete(hash);
      if (!record || !role) return undefined;
      const entry = { record, role, checkedMs: askedMs };
      if (known.size >= capacity) known.delete(known.keys().next().value!);
      known.set(hash, entry);
      return entry;
    } catch (error) {
      if (error instanceof StoreError && before && askedMs - before.checkedMs < staleMs) return before;
      throw error;
    }
  }

  async function find(hash: string): Promise<Entry | undefined> {
    const entry = known.get(hash);
    if (entry && now() - entry.checkedMs < freshMs) return entry;
    let question = asking.get(hash);
    if (!question) {
      question = ask(hash).finally(() => asking.delete(hash));
      asking.set(hash, question);
    }
    return question;
  }

  return {
    async verify(secret) {
      const hash = hashSecret(secret);
      if (adminHash !== undefined && sameHash(hash, adminHash)) {
        return { id: 'bootstrap', role: { type: 'admin' }, author: 'bootstrap administrator' };
      }
      if (!isWellFormed(secret)) return undefined;
      const entry = await find(hash);
      if (!entry) return undefined;
      const { record, role } = entry;
      if (record.expiresAt !== null && Date.parse(record.expiresAt) <= now()) return undefined;
      // Last use is a courtesy to whoever tidies up tokens: a request does not wait for it, nor fail with it.
      tokens.touch(record.id, now()).catch(() => {});
      return { id: record.id, role, author: record.name === '' ? record.id : `${record.name} (${record.id})` };
    },
    forget(tokenId) {
      for (const [hash, { record }] of known) if (record.id === tokenId) known.delete(hash);
    },
  };
}
