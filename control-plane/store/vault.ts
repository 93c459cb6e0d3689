/**
 * Secrets at rest: the spec of each is encrypted with a data key of its own, and that with the key of the installation,
 * which the database never sees. Both ciphertexts are bound to the document's key: a row that is copied to another
 * document, or to another tenant, does not open.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { type DocumentKey, describeKey, keyId, type StoredDocument } from '../model/document.ts';
import { StoreError } from './store.ts';

/** What stands in the database in the place of a spec. */
interface Sealed {
  readonly sealed: {
    /** Of this form; another one has another number. */
    readonly version: 1;
    /** Which installation's key wraps the data key. */
    readonly keyId: string;
    /** Both: nonce, ciphertext and tag, in base64. */
    readonly dataKey: string;
    readonly data: string;
  };
}

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** `key`: 32 bytes; undefined: nothing can be sealed or opened. */
export class Vault {
  readonly #key: Buffer | undefined;
  /** Tells which key it is, and nothing about it; undefined without a key. */
  readonly keyId: string | undefined;

  constructor(key: Buffer | undefined) {
    if (key !== undefined && key.length !== keyBytes) throw new Error(`a key has ${keyBytes} bytes, not ${key.length}`);
    this.#key = key;
    this.keyId = key && createHmac('sha256', key).update('fairlead key id').digest('hex').slice(0, 16);
  }

  /** The document as the database may hold it. Throws `StoreError`. */
  sealed(document: StoredDocument): StoredDocument {
    if (document.kind !== 'Secret') return document;
    if (this.#key === undefined || this.keyId === undefined) throw noKey(`${describeKey(document)} cannot be stored`);
    const dataKey = randomBytes(keyBytes);
    const spec: Sealed = {
      sealed: {
        version: 1,
        keyId: this.keyId,
        dataKey: encrypt(this.#key, dataKey, boundTo(document, 'key')),
        data: encrypt(dataKey, Buffer.from(JSON.stringify(document.spec)), boundTo(document, 'spec')),
      },
    };
    return { ...document, spec };
  }

  /** The inverse of `sealed`. Throws `StoreError`: no key, another key, or a row that was changed. */
  opened(document: StoredDocument): StoredDocument {
    if (document.kind !== 'Secret') return document;
    const { sealed } = document.spec as Partial<Sealed>;
    if (this.#key === undefined) throw noKey(`${describeKey(document)} cannot be read`);
    if (sealed?.version !== 1) throw unknownForm(document);
    if (sealed.keyId !== this.keyId) throw otherKey(document, sealed.keyId, this.keyId);
    try {
      const dataKey = decrypt(this.#key, sealed.dataKey, boundTo(document, 'key'));
      const spec: unknown = JSON.parse(decrypt(dataKey, sealed.data, boundTo(document, 'spec')).toString('utf8'));
      return { ...document, spec };
    } catch {
      throw new StoreError(
        'corrupt',
        `${describeKey(document)} does not open: its row was changed, or copied from another document.`,
        'Restore the row from a backup, or delete it and apply the Secret again.',
      );
    }
  }
}

function boundTo(key: DocumentKey, part: string): Buffer {
  return Buffer.from(`${keyId(key)} ${part}`);
}

function encrypt(key: Buffer, plain: Buffer, boundTo: Buffer): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(boundTo);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

function decrypt(key: Buffer, text: string, boundTo: Buffer): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const cipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  cipher.setAAD(boundTo).setAuthTag(bytes.subarray(-tagBytes));
  return Buffer.concat([cipher.update(bytes.subarray(nonceBytes, -tagBytes)), cipher.final()]);
}

function noKey(what: string): StoreError {
  return new StoreError(
    'no-key',
    `${what}: Secrets are stored encrypted, and there is no key.`,
    'Set FAIRLEAD_KEY to the key of this installation, the same for every replica.',
  );
}

function unknownForm(document: DocumentKey): StoreError {
  return new StoreError(
    'failed',
    `${describeKey(document)} is encrypted in a form that this version does not know.`,
    'Upgrade this control plane to the version of the one that wrote it.',
  );
}

function otherKey(document: DocumentKey, theirs: string, ours: string | undefined): StoreError {
  return new StoreError(
    'wrong-key',
    `${describeKey(document)} was encrypted with another key: its key id is ${theirs}, that of this control plane's key is ${ours}.`,
    'Set FAIRLEAD_KEY to the key with which Secrets were stored (in embedded mode: put back the file `key` of FAIRLEAD_HOME).',
  );
}
