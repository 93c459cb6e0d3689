/** What `up` prints once everything runs: each line works when it is pasted into another terminal. */
import path from 'node:path';
import type { Settings } from '../settings.ts';
import type { ControlPlane } from '../wire.ts';
import { demoHost, ports, tryFolder } from './demo.ts';
import { paint } from './output.ts';

export interface UpSummary {
  readonly settings: Settings;
  readonly controlPlane: Pick<ControlPlane, 'api' | 'xds'>;
  readonly demo: boolean;
  readonly offset: number;
  readonly seconds: number;
}

export function whatToTry(summary: UpSummary): string[] {
  const { settings, controlPlane, demo, offset, seconds } = summary;
  const token = shown(path.join(settings.home, 'token'));
  const fairlead = `npx fairlead`;
  const where = connectionFlags(summary);
  const bearer = `-H "authorization: Bearer $(cat ${token})"`;
  const lines = [
    '',
    paint('green', `Fairlead is up after ${seconds} s.`),
    `  REST API   ${controlPlane.api}`,
    `  reference  ${controlPlane.api}/docs   (any user name; the password is the token: cat ${token})`,
    `  xDS        ${controlPlane.xds}`,
  ];
  if (!demo) {
    return [
      ...lines,
      '',
      'Try, in another terminal:',
      `  ${fairlead} status${where}`,
      `  ${fairlead} get listeners${where}`,
      `  curl ${bearer} ${controlPlane.api}/v1/nodes`,
      '',
      'Ctrl-C stops it; the documents stay.',
    ];
  }
  const front = `http://127.0.0.1:${ports.front + offset}`;
  const ask = `curl -s -H 'host: ${demoHost}'`;
  const orders = `${front}/api/v1/orders`;
  const count = `for i in $(seq 100); do ${ask} ${orders}; done | grep -o '"backend":"[^"]*"' | sort | uniq -c`;
  const edges = Object.entries(ports.edges).map(([id, port]) => `${id} :${port + offset}`);
  const backends = Object.entries(ports.backends).map(([name, port]) => `${name} :${port + offset}`);
  return [
    ...lines,
    `  demo       ${front} (l4-1) → ${edges.join(', ')} → ${backends.join(', ')}`,
    '',
    'Try, in another terminal:',
    `  ${ask} ${orders}`,
    `  ${ask} -H 'x-version: beta' ${orders}`,
    `  ${fairlead} status${where}`,
    `  ${fairlead} get routes${where}`,
    `  ${count}`,
    `  ${fairlead} apply -f ${shown(path.join(tryFolder, 'canary.yaml'))} --wait${where}`,
    `  curl -s ${bearer} ${controlPlane.api}/v1/xds/edge`,
    `  tail -n 3 ${shown(path.join(settings.home, 'edge-1', 'access.log'))}`,
    '',
    'Ctrl-C stops everything; the documents stay, and the next start finds them.',
  ];
}

/** What the command line must be told where it would not find the control plane by itself. */
function connectionFlags({ settings, controlPlane }: UpSummary): string {
  const api = controlPlane.api === 'http://127.0.0.1:7070' ? '' : ` --api ${controlPlane.api.replace('http://', '')}`;
  const home = settings.home === path.resolve('.fairlead') ? '' : ` --home ${shown(settings.home)}`;
  return `${api}${home}`;
}

/** A path as it is shortest from here, quoted where the shell needs it. */
function shown(file: string): string {
  const near = path.relative(process.cwd(), file);
  const short = near.startsWith('..') ? file : near;
  return /^[\w./-]+$/.test(short) ? short : `'${short.replaceAll("'", "'\\''")}'`;
}
