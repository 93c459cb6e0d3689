/** What holds of Secrets beyond their schema: what is shown of them, and when they may still be written. */
import { specOf } from './check.ts';
import { type Change, describeKey, type Problem } from './document.ts';
import type { DocumentSet } from './document-set.ts';
import { redacted } from './pem.ts';
import { problemAt } from './problems.ts';

/** A document as anybody may see it: of a Secret, that something is written, never what. */
export function withoutSecrets<D extends { readonly kind: string; readonly spec: unknown }>(document: D): D {
  if (document.kind !== 'Secret' || document.spec === null || typeof document.spec !== 'object') return document;
  return { ...document, spec: Object.fromEntries(Object.keys(document.spec).map((field) => [field, redacted])) };
}

/**
 * Why these Secrets must not be written now. A certificate that is stored already may run out: it is served until it is
 * replaced, and what else its document says may change.
 * `hasKey`: there is a key to encrypt them with. `nowMs`: epoch milliseconds.
 */
export function secretProblems(
  current: DocumentSet,
  changes: readonly Change[],
  hasKey: boolean,
  nowMs: number,
): Problem[] {
  return changes.flatMap(({ key, document }): Problem[] => {
    if (document?.kind !== 'Secret') return [];
    if (!hasKey) {
      const detail = `${describeKey(key)} cannot be stored: this control plane has no key to encrypt it with.`;
      const remedy = 'Start every replica with the same FAIRLEAD_KEY, for example the output of: openssl rand -hex 32';
      return [problemAt(key, '', { code: 'no-key', detail, remedy })];
    }
    const { ca, facts } = specOf({ ...document, kind: 'Secret' });
    const { notAfter, fingerprint } = facts;
    const known = current.get('Secret', key.tenant, key.name)?.spec.facts.fingerprint === fingerprint;
    if (known || Date.parse(notAfter) > nowMs) return [];
    const detail =
      ca === ''
        ? `The certificate ran out at ${notAfter}: every client would refuse it.`
        : `The last of the certificates ran out at ${notAfter}: every client would be refused.`;
    return [
      problemAt(key, ca === '' ? '/spec/certificate' : '/spec/ca', {
        code: 'expired',
        detail,
        remedy: 'Write the one that follows it.',
      }),
    ];
  });
}
