/** Slow clients as slowhttptest plays them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Cleanup, temporaryFolder } from '../support/fairlead.ts';
import type { Attack, Mode } from './run.ts';

const switches: Readonly<Record<Mode, readonly string[]>> = {
  'slow headers': ['-H', '-u', '/small', '-x', '24', '-i', '2'],
  'slow body': ['-B', '-u', '/small', '-s', '65536', '-x', '10', '-i', '2'],
  range: ['-R', '-u', '/small', '-a', '5', '-b', '2000'],
  'slow read': ['-X', '-u', '/big', '-w', '16', '-y', '64', '-n', '2', '-z', '32'],
};

export function slowhttptest(cleanup: Cleanup, program: string): Attack {
  return async (mode, { port, connections, seconds }) => {
    const file = path.join(await temporaryFolder(cleanup), 'statistics');
    const url = (written: string): string => (written.startsWith('/') ? `http://127.0.0.1:${port}${written}` : written);
    const args = [...switches[mode].map(url), '-c', `${connections}`, '-r', `${connections}`, '-l', `${seconds}`];
    const child = spawn(program, [...args, '-p', '5', '-g', '-o', file, '-v', '0'], { stdio: 'ignore' });
    cleanup.add(() => child.kill('SIGKILL'));
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`slowhttptest ended with ${code} in mode ${mode}`);
    // Seconds,Closed,Pending,Connected,Service Available
    const lines = (await readFile(`${file}.csv`, 'utf8')).trim().split('\n').slice(1);
    return Math.max(...lines.map((line) => Number(line.split(',')[3])));
  };
}
