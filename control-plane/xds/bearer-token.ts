import type { GrpcCall } from '../grpc/method.ts';

/** The token in metadata `authorization: Bearer …`. */
export function bearerToken(call: Pick<GrpcCall, 'header'>): string | undefined {
  return /^Bearer +(\S+)$/i.exec(call.header('authorization')?.trim() ?? '')?.[1];
}
