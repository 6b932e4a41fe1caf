import { type Static, Type } from 'typebox';
import type { TenantRecord } from '../../tenants/record.ts';
import { TenantParams } from './tenant.ts';

export const ExamplesParams = Type.Object({
  ...TenantParams.properties,
  class: Type.String({ description: 'The name of the class, percent-encoded.' }),
});
export type ExamplesParams = Static<typeof ExamplesParams>;

export const ExamplesQuery = Type.Object({
  add: Type.Boolean({
    default: false,
    description: 'Whether the images are added to those so far, instead of replacing them.',
  }),
  keep: Type.Boolean({
    default: false,
    description: 'Whether the images themselves are kept, too. Then another model embeds them again.',
  }),
});
export type ExamplesQuery = Static<typeof ExamplesQuery>;

export const ExamplesReply = Type.Object(
  {
    tenant: Type.String(),
    tenant_version: Type.Integer(),
    class: Type.String(),
    lacking: Type.Boolean({
      description:
        'Whether another model embedded them: they do not count until they are sent again, or embedded again where their pictures are kept.',
    }),
    examples: Type.Array(
      Type.Object({
        sha256: Type.String(),
        added_at: Type.String(),
        picture: Type.Boolean({ description: 'Whether the image itself is kept.' }),
      }),
    ),
    failed: Type.Optional(Type.Array(Type.Any({ description: 'Images of this request that could not be embedded.' }))),
  },
  { title: 'Examples' },
);
export type ExamplesReply = Static<typeof ExamplesReply>;

export function toExamplesReply(record: TenantRecord, name: string, lacking: boolean): ExamplesReply {
  const examples = (record.examples?.[name]?.images ?? []).map(({ sha256, added_at, picture }) => ({
    sha256,
    added_at,
    picture: picture !== undefined,
  }));
  return { tenant: record.id, tenant_version: record.version, class: name, lacking, examples };
}
