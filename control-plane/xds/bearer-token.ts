import type { Metadata } from '@grpc/grpc-js';

/** The token in metadata `authorization: Bearer …`. */
export function bearerToken(metadata: Metadata): string | undefined {
  const [header] = metadata.get('authorization');
  return /^Bearer +(\S+)$/i.exec(String(header ?? '').trim())?.[1];
}
