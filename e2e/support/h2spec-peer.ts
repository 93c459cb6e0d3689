/** h2spec, the conformance tests for HTTP/2: built from its Go modules, which go.sum in the folder beside pins. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { bringFolder, buildGo } from './grpc-peers.ts';
import { peersFolder } from './peer-tools.ts';

const source = path.join(import.meta.dirname, 'h2spec');

/** Path of h2spec, or undefined if it is not there. */
export function h2specBinary(): string | undefined {
  const binary = path.join(folder(), 'h2spec');
  return existsSync(binary) ? binary : undefined;
}

export function bringH2spec(): void {
  if (h2specBinary() !== undefined) return;
  bringFolder(folder(), (brought) => {
    buildGo(source, 'github.com/summerwind/h2spec/cmd/h2spec', path.join(brought, 'h2spec'), 'h2spec');
  });
}

function folder(): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(path.join(source, file)));
  return path.join(peersFolder, `h2spec-${hash.digest('hex').slice(0, 8)}-${process.arch}`);
}
