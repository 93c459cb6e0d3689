/** gRPC's own xDS clients as programs, and a gRPC backend that says who it is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import readline from 'node:readline';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { type Cleanup, temporaryFolder } from './fairlead.ts';
import { requirePeer } from './peers.ts';

/** The method that backends answer and clients call. */
export const orderMethod = '/shop.Orders/Get';

/** Command line of a client program; the target and the method follow. */
export type ClientCommand = readonly [program: string, ...args: string[]];

export const grpcJsClient: ClientCommand = [process.execPath, path.join(import.meta.dirname, 'grpc-clients/client.ts')];

/** gRPC C-core; undefined if it is not here. */
export function grpcPythonClient(): ClientCommand | undefined {
  const folder = requirePeer('grpc-python');
  if (folder === undefined) return undefined;
  return ['python3', path.join(import.meta.dirname, 'grpc-clients/client.py'), folder];
}

/** grpc-go; undefined if it is not here. */
export function grpcGoClient(): ClientCommand | undefined {
  const binary = requirePeer('grpc-go');
  return binary === undefined ? undefined : [binary];
}

export type CallResult = { readonly answer: string } | { readonly code: number; readonly details: string };

export interface GrpcClient {
  /** One unary call. */
  call(): Promise<CallResult>;
  readonly stderr: () => string;
}

/** Starts a client for one target, with the bootstrap that `fairlead bootstrap grpc` printed. */
export async function startGrpcClient(
  cleanup: Cleanup,
  [program, ...args]: ClientCommand,
  bootstrap: string,
  target: string,
): Promise<GrpcClient> {
  const file = path.join(await temporaryFolder(cleanup), 'bootstrap.json');
  await writeFile(file, bootstrap);
  const child = spawn(program, [...args, target, orderMethod], {
    env: { ...process.env, GRPC_XDS_BOOTSTRAP: file },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  cleanup.add(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    stderr: () => stderr,
    call: async () => {
      child.stdin.write('order\n');
      const { value, done } = await lines.next();
      if (done) throw new Error(`the client ${path.basename(program)} ended: ${stderr}`);
      return JSON.parse(value) as CallResult;
    },
  };
}

/** Answers every call of {@link orderMethod} with its name. */
export async function startGrpcBackend(cleanup: Cleanup, name: string): Promise<number> {
  const server = new Server();
  const same = (bytes: Buffer): Buffer => bytes;
  const method = {
    path: orderMethod,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { Get: method },
    { Get: (_call: unknown, reply: (error: null, bytes: Buffer) => void) => reply(null, Buffer.from(name)) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  cleanup.add(() => server.forceShutdown());
  return port;
}
