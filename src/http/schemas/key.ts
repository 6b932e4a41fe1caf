import { type Static, Type } from 'typebox';
import {
  KeyLimits,
  KeyName,
  type KeyRecord,
  type Keyring,
  MAX_SCOPES,
  prefixOf,
  Scopes,
  stateOf,
} from '../../access/index.ts';

const Instant = Type.String({ description: 'RFC 3339, UTC.' });
const OptionalInstant = Type.Union([Instant, Type.Null()]);

export const NewKey = Type.Object(
  {
    name: KeyName,
    scopes: Type.Array(Type.String(), {
      minItems: 1,
      maxItems: MAX_SCOPES,
      description: 'admin, metrics, detect:TENANT, manage:TENANT; TENANT is an id, a prefix with *, or * for all.',
    }),
    expires_at: Type.Optional(OptionalInstant),
    limits: Type.Optional(KeyLimits),
  },
  { title: 'NewKey', additionalProperties: false },
);
export type NewKey = Static<typeof NewKey>;

/** A key in lists: without the secret and its hash. */
export const KeyView = Type.Object(
  {
    id: Type.String(),
    prefix: Type.String({ description: 'The visible prefix of the key.' }),
    name: KeyName,
    scopes: Scopes,
    limits: KeyLimits,
    state: Type.Union([Type.Literal('active'), Type.Literal('expired'), Type.Literal('revoked')], {
      title: 'KeyState',
    }),
    created_at: Instant,
    created_by: Type.String({ description: 'Id of the key that created it, or the user of the command line.' }),
    expires_at: OptionalInstant,
    revoked_at: OptionalInstant,
    last_used_at: OptionalInstant,
  },
  { title: 'Key' },
);
export type KeyView = Static<typeof KeyView>;

export const CreatedKey = Type.Object(
  {
    ...KeyView.properties,
    key: Type.String({ description: 'The key itself, which is shown only here.' }),
  },
  { title: 'CreatedKey' },
);
export type CreatedKey = Static<typeof CreatedKey>;

export function toKeyView({ hash: _, ...record }: KeyRecord, keyring: Pick<Keyring, 'lastUsed'>): KeyView {
  return {
    ...record,
    prefix: prefixOf(record.id),
    state: stateOf(record, Date.now()),
    last_used_at: keyring.lastUsed(record.id),
  };
}
