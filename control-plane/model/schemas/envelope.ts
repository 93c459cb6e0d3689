/** What surrounds every spec. */
import { z } from 'zod';
import { kinds } from '../document.ts';
import { labels, name, plainText } from './common.ts';
import { about, fields, must } from './fields.ts';

const serverSide = (description: string) =>
  z.unknown().optional().meta({ description, readOnly: true, 'x-envoy': '-', 'x-type': 'added by the server' });

const ignore = z
  .record(z.string(), plainText(1), { error: 'Write an object of rule and reason, `{ retry-not-idempotent: … }`.' })
  .meta({ 'x-type': 'object of texts' });

/** Fields that the server adds are taken and dropped, so that what was read can be written back. */
const serverFields = ['revision', 'createdRevision', 'createdAt', 'updatedAt', 'updatedBy', 'status', 'set'] as const;

const shape = {
  kind: about(z.enum(kinds), 'What it is.', '-'),
  name: about(name(), 'Its name: lower-case letters, digits and `-`, at most 63.', 'part of the names'),
  labels: about(labels().optional(), 'Whatever tells it apart; lists filter by them.', '-', { 'x-default': 'none' }),
  ignore: about(ignore.optional(), 'Findings that its author silences: rule to reason.', '-', { 'x-default': 'none' }),
  spec: z.unknown().optional(),
  revision: serverSide('Revision of its last change; also its ETag.'),
  createdRevision: serverSide('Revision that created it.'),
  createdAt: serverSide('When it was created.'),
  updatedAt: serverSide('When it was changed last.'),
  updatedBy: serverSide('Who changed it last.'),
  status: serverSide('What the server knows of it.'),
  set: serverSide('The apply set that brought it.'),
};

const platformOnly = must(z.unknown(), (tenant) =>
  tenant === undefined
    ? undefined
    : { detail: 'Documents of this kind belong to the platform.', remedy: 'Take `tenant` out.' },
).optional();

/** Of kinds that a tenant may own. */
export const ownedEnvelope = fields(
  {
    ...shape,
    tenant: about(name().optional(), 'The tenant it belongs to.', 'part of the names', { 'x-default': 'the platform' }),
  },
  { unlisted: serverFields },
);

/** Of kinds that only the platform owns. */
export const platformEnvelope = fields({ ...shape, tenant: platformOnly }, { unlisted: [...serverFields, 'tenant'] });
