import { limits } from '../limits.ts';
import { show } from '../problems.ts';
import type { ListenerClientSpec, SubjectNameSpec } from '../specs.ts';
import { reference } from './common.ts';
import { about, type Field, type FieldFault, fields, listOf, text, word } from './fields.ts';

const nameRemedy = 'Write a URI (`spiffe://example.com/orders`) or a host, or how one begins and `*`.';

const subjectName = text('name', nameRemedy, (written) => {
  const prefix = written.endsWith('*');
  const value = prefix ? written.slice(0, -1) : written;
  const type = value.includes('://') ? 'uri' : 'dns';
  const isName =
    type === 'uri' ? /^[a-z][a-z0-9+.-]*:\/\/[\x21-\x29\x2b-\x7e]*$/i : /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/i;
  if (isName.test(value) && value.length <= limits.pathLength) {
    return { ok: true, value: { type, value, prefix } satisfies SubjectNameSpec };
  }
  return { ok: false, fault: { detail: `${show(written)} is no name of a certificate.`, remedy: nameRemedy } };
});

const written = fields(
  {
    mode: about(
      word(['none', 'request', 'require']).prefault('require'),
      '`require`: nobody is let in without a good one; `request`: those who show none are; `none`: nobody is asked.',
      'DownstreamTlsContext.require_client_certificate',
    ),
    ca: about(
      reference().optional(),
      'A Secret with `ca`, `name` or `tenant/name`: who may sign them.',
      'CommonTlsContext.combined_validation_context.validation_context_sds_secret_config',
      { 'x-default': '*required*, but for `mode: none`' },
    ),
    sans: about(
      listOf(subjectName).prefault([]),
      'URIs and hosts, of which a certificate needs one (`require` only); with `*` at the end those that begin so. None: any name will do.',
      'CertificateValidationContext.match_typed_subject_alt_names',
    ),
  },
  { check: faultOf },
);

function faultOf({ mode, ca, sans }: Readonly<Record<string, unknown>>): FieldFault | undefined {
  if (mode === 'request' && Array.isArray(sans) && sans.length > 0) {
    const detail = '`sans` and `mode: request` do not go together: Envoy lets nobody in whose names it cannot see.';
    return { field: 'sans', detail, remedy: 'Leave `sans` out, or write `mode: require`.' };
  }
  if (mode === 'none' || ca !== undefined) return undefined;
  const remedy = 'Write the name of a Secret with `ca`, or `mode: none`.';
  return {
    field: 'ca',
    code: 'missing-field',
    detail: '`ca` is missing: somebody has to sign the certificates.',
    remedy,
  };
}

/** Null: none are asked for. */
export const clientCertificates: Field<ListenerClientSpec | null> = written.transform(({ mode, ca, sans }) =>
  mode === 'none' || ca === undefined ? null : { mode, ca, sans },
);
