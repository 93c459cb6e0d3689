/** Secrets of the kind that the listeners need which name them: certificates with keys, and authorities. */
import { describeKey } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import type { Path } from '../problems.ts';
import type { Reference, Typed } from '../specs.ts';
import type { Misfit } from './misfits.ts';

export function secretMisfits(after: DocumentSet, { spec }: Typed<'Listener'>): Misfit[] {
  if (spec.tls === null) return [];
  const { certificates, client } = spec.tls;
  return [
    ...certificates.flatMap((secret, index) => misfit(after, secret, ['tls', 'certificates', index], 'certificate')),
    ...(client === null ? [] : misfit(after, client.ca, ['tls', 'client', 'ca'], 'ca')),
  ];
}

const held = { certificate: 'a certificate with its key', ca: 'the certificates of authorities' } as const;

function misfit(after: DocumentSet, reference: Reference, path: Path, wanted: keyof typeof held): Misfit[] {
  const secret = after.get('Secret', reference.tenant, reference.name);
  if (secret === undefined || secret.spec[wanted] !== '') return [];
  const found = wanted === 'ca' ? 'certificate' : 'ca';
  const detail = `${describeKey(secret.document)} holds ${held[found]}; here it takes ${held[wanted]}.`;
  const fault = { code: 'conflict', detail, remedy: `Name a Secret with \`${wanted}\`.` } as const;
  return [{ path, fault, other: secret.document, otherPath: [found] }];
}
