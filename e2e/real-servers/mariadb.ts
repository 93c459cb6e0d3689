/** MariaDB, whose server speaks first: rows in by one large statement, out as the client prints them. */
import { output } from './run-program.ts';
import { sameText } from './same.ts';

const rows = 200_000;

export async function checkMariadb(direct: number, through: number): Promise<string> {
  const place = (port: number) => ['--no-defaults', '-h', '127.0.0.1', '-P', `${port}`, '-u', 'root', '-N', '-B'];
  const values = Array.from({ length: rows }, (_, i) => `(${i}, REPEAT(MD5(${i}), 2))`);
  const input = `CREATE DATABASE IF NOT EXISTS shop; USE shop; CREATE TABLE t (i INT PRIMARY KEY, v VARCHAR(64)); INSERT INTO t VALUES ${values.join()};`;
  await output('mariadb', [...place(through), '--max-allowed-packet=256M'], { input });
  const select = ['-e', 'SELECT i, v FROM shop.t ORDER BY i'];
  const [found, wanted] = [
    await output('mariadb', [...place(through), ...select]),
    await output('mariadb', [...place(direct), ...select]),
  ];
  sameText(found.toString('latin1'), wanted.toString('latin1'), 'rows');
  return `${rows} rows in by one statement of ${input.length >> 20} MB, and out, byte for byte`;
}
