/** The tables as `migrations/` makes them. Both dialects read int8 as numbers and timestamps as ISO 8601 strings. */
import type { ColumnType } from 'kysely';
import type { StoredDocument } from '../model/document.ts';
import type { LoadSubject } from './load-states.ts';

/** Written as JSON text, read as the value. */
type Json<T> = ColumnType<T, string, string>;
type JsonOrNull<T> = ColumnType<T | null, string | null, string | null>;

export interface Tables {
  head: { single: ColumnType<boolean, never, never>; revision: number; revision_id: string };
  revisions: { revision: number; id: string; author: string; at: string; count: number };
  documents: {
    kind: string;
    /** Empty: the platform's own. */
    tenant: string;
    name: string;
    labels: JsonOrNull<Record<string, string>>;
    ignore: JsonOrNull<Record<string, string>>;
    spec: Json<unknown>;
    revision: number;
    created_revision: number;
    created_at: string;
    updated_at: string;
    updated_by: string;
    apply_set: string | null;
  };
  changes: {
    revision: number;
    kind: string;
    tenant: string;
    name: string;
    /** As it then was; `null`: removed. */
    document: JsonOrNull<StoredDocument>;
  };
  tokens: {
    id: string;
    name: string;
    role: string;
    hash: string;
    created_at: string;
    created_by: string;
    expires_at: string | null;
    last_used_at: string | null;
  };
  replicas: { id: string; version: number; nodes: number; seen_at: string };
  nodes: { replica: string; id: string; version: number; state: Json<unknown> };
  load_writers: { replica: string; left_out: number };
  node_drains: { node: string; since: ColumnType<string, never, never>; timeout_ms: number; by: string };
  node_places: { node_group: string; node: string; place: Json<unknown> };
  loads: { replica: string; subject: LoadSubject; name: string; load: Json<unknown> };
}

/** How a timestamp column comes out of either database. */
export function readTimestamp(text: string): string {
  return new Date(text).toISOString();
}

/** Type ids of PostgreSQL's catalogue that are read otherwise than by default. */
export const typeIds = { int8: 20, timestamptz: 1184 } as const;
