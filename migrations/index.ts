/** All migrations by name, oldest first. Forward only: what was released is never changed, the next one mends it. */
import type { Migration } from 'kysely/migration';
import * as first from './0001-first.ts';
import * as replicas from './0002-replicas.ts';
import * as loads from './0003-loads.ts';
import * as nodes from './0004-nodes.ts';

export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-replicas': replicas,
  '0003-loads': loads,
  '0004-nodes': nodes,
};
