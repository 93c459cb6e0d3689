/** Secrets at rest: what the tables hold, and who can read it. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import type { Change, StoredDocument } from '../model/document.ts';
import { openEmbedded } from './dialect-pglite.ts';
import { openPostgres } from './dialect-postgres.ts';
import { migrate } from './migrate.ts';
import { openStore } from './open.ts';
import type { Store } from './store.ts';
import {
  type Databases,
  embeddedDatabases,
  put,
  readableLog,
  serverDatabases,
  storeErrorOf,
  until,
} from './testing.ts';
import { Vault } from './vault.ts';

const spec = (host: string) => {
  const { certificate, key } = makeCertificate({ hosts: [host] });
  return { certificate, key };
};
const [first, second] = [spec('a.example.com'), spec('b.example.com')];
const key = randomBytes(32);
const { logger: quiet } = readableLog();

function putSecret(spec: object, tenant?: string): Change {
  const key = { kind: 'Secret', ...(tenant === undefined ? {} : { tenant }), name: 'cert' } as const;
  return { key, document: { ...key, spec } };
}

const write = (store: Store, ...changes: Change[]) => store.write('ann', () => ({ changes, result: undefined }));
const held = (store: Store) => store.documents.get('Secret', undefined, 'cert')?.document.spec;

describe.each([
  ['embedded', embeddedDatabases],
  ['server', serverDatabases],
])('in an %s database', (kind, start) => {
  let databases: Databases;
  beforeAll(async () => {
    databases = await start();
  });
  afterAll(() => databases.end());

  test('a Secret is read back by who has the key, and no table holds it as it is or was', async () => {
    const place = await databases.fresh();
    const store = await openStore({ ...place, key, logger: quiet });
    await write(store, putSecret(first));
    await write(store, putSecret(second));
    expect(held(store)).toEqual(second);
    await store.close();

    const again = await openStore({ ...place, key, logger: quiet });
    expect(held(again)).toEqual(second);
    await again.close();

    const { dir, databaseUrl } = place;
    const database = databaseUrl ? await openPostgres(databaseUrl, quiet) : await openEmbedded(dir, quiet);
    await migrate(database);
    const rows = [
      ...(await database.kysely.selectFrom('documents').selectAll().execute()),
      ...(await database.kysely.selectFrom('changes').selectAll().execute()),
    ];
    await database.close();
    const text = JSON.stringify(rows);
    expect(rows).toHaveLength(3);
    expect(text).toContain(new Vault(key).keyId);
    for (const { certificate, key: privateKey } of [first, second]) {
      for (const line of [...certificate.split('\n'), ...privateKey.split('\n')].filter((one) => one.length > 20)) {
        expect(text).not.toContain(line);
      }
    }
  });

  test('with another key, or with none, it does not start, and says which key it takes', async () => {
    const place = await databases.fresh();
    const store = await openStore({ ...place, key, logger: quiet });
    await write(store, putSecret(first));
    await store.close();

    const wrong = await storeErrorOf(openStore({ ...place, key: randomBytes(32), logger: quiet }));
    expect(wrong.code).toBe('wrong-key');
    expect(wrong.message).toContain(
      `Secret cert was encrypted with another key: its key id is ${new Vault(key).keyId}`,
    );
    expect(wrong.remedy).toContain('FAIRLEAD_KEY');
    const none = await storeErrorOf(openStore({ ...place, logger: quiet }));
    expect([none.code, none.remedy]).toEqual(['no-key', expect.stringContaining('FAIRLEAD_KEY')]);
  });

  test('without a key everything but Secrets is stored', async () => {
    const store = await openStore({ ...(await databases.fresh()), logger: quiet });
    expect(store.hasKey).toBe(false);
    expect((await storeErrorOf(write(store, putSecret(first)))).code).toBe('no-key');
    expect((await put(store, 'blue')).revision).toBe(1);
    await store.close();
  });

  // the folder of an embedded store has one control plane
  if (kind === 'embedded') return;

  test('two control planes read what the other one writes if they have the same key, else the one without is unwell', async () => {
    const place = await databases.fresh();
    const log = readableLog();
    const [one, two] = await Promise.all([1, 2].map(() => openStore({ ...place, key, pollMs: 50, logger: quiet })));
    const stranger = await openStore({ ...place, key: randomBytes(32), pollMs: 50, logger: log.logger });
    await write(one!, putSecret(first));
    await until(() => held(two!) !== undefined, 'the other one shows it');
    expect(held(two!)).toEqual(first);
    await until(() => !stranger.healthy(), 'the stranger notices');
    expect(log.text()).toContain('wrong-key');
    expect((await storeErrorOf(put(stranger, 'blue'))).code).toBe('wrong-key');
    await Promise.all([one, two, stranger].map((store) => store!.close()));
  });
});

const document = (tenant: string, name = 'cert'): StoredDocument => {
  const at = '2026-01-01T00:00:00.000Z';
  const server = { revision: 1, createdRevision: 1, createdAt: at, updatedAt: at, updatedBy: 'ann' };
  return { kind: 'Secret', tenant, name, spec: first, ...server };
};

test('a row that was changed, or copied to another document, does not open', () => {
  const vault = new Vault(key);
  const { spec: sealed } = vault.sealed(document('blue'));
  expect(vault.opened({ ...document('blue'), spec: sealed })).toEqual(document('blue'));
  const { sealed: parts } = sealed as { sealed: Record<string, string> };
  const flipped = (text: string) => `${text.slice(0, -6)}${text.at(-6) === 'A' ? 'B' : 'A'}${text.slice(-5)}`;
  for (const spoilt of [
    { ...document('green'), spec: sealed },
    { ...document('blue', 'other'), spec: sealed },
    { ...document('blue'), spec: { sealed: { ...parts, data: flipped(parts['data']!) } } },
    { ...document('blue'), spec: { sealed: { ...parts, dataKey: flipped(parts['dataKey']!) } } },
  ]) {
    expect(() => vault.opened(spoilt)).toThrow('does not open');
  }
});

test('a form of a later version is told from a damaged row', () => {
  const vault = new Vault(key);
  for (const spec of [{ sealed: { version: 2 } }, {}]) {
    expect(() => vault.opened({ ...document('blue'), spec })).toThrow('in a form that this version does not know');
  }
});

test('what is equal is not seen to be: every record has a data key of its own', () => {
  const vault = new Vault(key);
  expect(vault.sealed(document('blue')).spec).not.toEqual(vault.sealed(document('blue')).spec);
});
