/** For tests, a process of its own: opens the embedded store in its argument, then writes until it is killed. */
import { pino } from 'pino';
import { openStore } from './open.ts';
import { StoreError } from './store.ts';

try {
  const store = await openStore({ dir: process.argv[2]!, logger: pino({ level: 'silent' }) });
  console.log('open');
  for (let count = 1; ; count++) {
    const key = { kind: 'Tenant', name: `t${count}` } as const;
    const document = { ...key, spec: { claims: [{ host: `t${count}.example.com` }] } };
    const { revision } = await store.write('writer', () => ({ changes: [{ key, document }], result: undefined }));
    console.log(`acknowledged ${revision} ${key.name}`);
  }
} catch (error) {
  console.log(error instanceof StoreError ? `${error.code}: ${error.message} ${error.remedy}` : String(error));
}
