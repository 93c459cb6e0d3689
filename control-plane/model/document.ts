/** A document as people write it, and as the store keeps it. */

export const kinds = [
  ...(['Tenant', 'NodeGroup', 'Listener', 'Cluster', 'Route', 'L4Route', 'HealthPolicy', 'Secret'] as const),
] as const;
export type Kind = (typeof kinds)[number];

/** What names a document: platform-owned documents have no tenant. */
export interface DocumentKey {
  readonly kind: Kind;
  readonly tenant?: string | undefined;
  readonly name: string;
}

/** A document with a valid envelope and a valid spec; `spec` is what the author wrote (defaults not filled in). */
export interface Document extends DocumentKey {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Findings silenced by the author: rule id to reason. */
  readonly ignore?: Readonly<Record<string, string>> | undefined;
  readonly spec: unknown;
}

export interface StoredDocument extends Document {
  /** Revision of the last change; also the ETag. */
  readonly revision: number;
  /** Revision that created it: "the older document wins" compares this. */
  readonly createdRevision: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
  /** The apply set that brought it, if an apply did. */
  readonly set?: string | undefined;
}

/** One document put (`document`) or removed (`document: null`). */
export interface Change {
  readonly key: DocumentKey;
  readonly document: Document | null;
  /** The apply set to record on the document. */
  readonly set?: string | undefined;
}

/** `Kind/tenant/name` or `Kind//name`: one string a key, for maps and messages. */
export function keyId(key: DocumentKey): string {
  return `${key.kind}/${key.tenant ?? ''}/${key.name}`;
}

/** How a document is called in sentences: `Route checkout/orders`. */
export function describeKey(key: DocumentKey): string {
  return `${key.kind} ${key.tenant === undefined ? '' : `${key.tenant}/`}${key.name}`;
}

/** What is wrong, where, and what to do. REST shows a list of these in its problem documents. */
export interface Problem {
  /** The document at fault, where one is known. */
  readonly document?: DocumentKey | undefined;
  /** Position in the request: index of the document in the file, from 0. */
  readonly index?: number | undefined;
  /** JSON pointer into the document (`/spec/to/0/cluster`); empty for the whole. */
  readonly pointer: string;
  /** What is wrong, as a sentence. */
  readonly detail: string;
  /** What to do about it, as a sentence. */
  readonly remedy: string;
  /**
   * Machine word. Of a text: `malformed`, `too-large`. Of one document: `unknown-kind`, `unknown-field`, `missing-field`,
   * `not-supported-yet`, `invalid`. Across documents: `missing-reference`, `in-use`, `conflict`, `duplicate-document`,
   * `not-claimed`, `not-allowed`, `cap`, `quota`. Of a Secret: `expired`, `no-key`.
   */
  readonly code: string;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };
