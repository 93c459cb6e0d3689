/** `paths` of a Listener: how requests are cleaned before they are matched. */
import type { ListenerSpec } from '../specs.ts';
import { about, fields, word, yesNo } from './fields.ts';

const hcm = 'HttpConnectionManager';

const underscores = fields({
  headers: about(
    word(['keep', 'reject', 'drop']).prefault('reject'),
    'Of a request: `reject` answers 400, `drop` passes it on without them, `keep` with them. `Transfer_Encoding` and `Content_Length` our nodes refuse whatever is said here.',
    `${hcm}.common_http_protocol_options.headers_with_underscores_action`,
  ),
});

export const paths = fields({
  normalize: about(yesNo().prefault(true), 'Resolve `.` and `..`, decode unreserved escapes.', `${hcm}.normalize_path`),
  mergeSlashes: about(yesNo().prefault(true), 'Several slashes in a row are one.', `${hcm}.merge_slashes`),
  escapedSlashes: about(
    word(['keep', 'reject', 'redirect', 'unescape']).prefault('reject'),
    'What happens to a path with `%2F` or `%5C`.',
    `${hcm}.path_with_escaped_slashes_action`,
  ),
  underscores: about(underscores.prefault({}), 'What happens to names with `_`.', '-'),
  http10: about(
    yesNo().prefault(false),
    'Serve HTTP/1.0 too; without it its requests are answered with 426.',
    `${hcm}.http_protocol_options.accept_http_10`,
  ),
}).transform(({ underscores: { headers }, ...others }): ListenerSpec['paths'] => ({ ...others, underscores: headers }));
