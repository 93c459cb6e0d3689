/** The certificates of e2e/data/tls, for tests of every size; make.sh beside them says what each is. */
import path from 'node:path';

const folder = path.join(import.meta.dirname, '../data/tls');

/** Absolute path of one of them. */
export function testFile(name: string): string {
  return path.join(folder, name);
}

/** A server with the certificate of localhost, 127.0.0.1 and ::1 that asks its clients for theirs. */
export const serverFiles = {
  cert: testFile('server.pem'),
  key: testFile('server.key'),
  clientCa: testFile('ca.pem'),
} as const;
