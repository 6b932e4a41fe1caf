import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { canonical, TenantDefinition } from './definition.ts';

/** A definition at one moment. `version` counts changes and never falls, not even when a tenant is removed and made anew. */
export const TenantRecord = Type.Object(
  {
    id: Type.String(),
    version: Type.Integer({ minimum: 1 }),
    created_at: Type.String(),
    updated_at: Type.String(),
    definition: TenantDefinition,
    /** The last version whose features were whole: serves until this one's are, and is what a rollback goes back to. */
    previous: Type.Optional(
      Type.Object(
        {
          version: Type.Integer({ minimum: 1 }),
          definition: TenantDefinition,
          imported: Type.Optional(Type.String()),
        },
        { additionalProperties: false },
      ),
    ),
    /** The build of this version was cancelled; it stays unbuilt until somebody asks again. */
    cancelled: Type.Optional(Type.Boolean()),
    /** File of a watched directory that the tenant comes from; such a tenant is changed there and not by the API. */
    source: Type.Optional(Type.String()),
    /** Features that came with an imported tenant are this tenant's own: their place in the feature cache. */
    imported: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
export type TenantRecord = Static<typeof TenantRecord>;

/** What stays of a removed tenant, so that versions go on rising. */
export const Tombstone = Type.Object(
  { id: Type.String(), version: Type.Integer({ minimum: 1 }), deleted_at: Type.String() },
  { additionalProperties: false },
);
export type Tombstone = Static<typeof Tombstone>;

export const StoredTenant = Type.Union([TenantRecord, Tombstone]);
export type StoredTenant = TenantRecord | Tombstone;

export function isRecord(stored: StoredTenant): stored is TenantRecord {
  return !('deleted_at' in stored);
}

/** Strong validator of one stored state (RFC 9110), quotes included. */
export function etagOf({ id, version, created_at, definition }: TenantRecord): string {
  const text = JSON.stringify([id, version, created_at, canonical(definition)]);
  return `"${version}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}"`;
}
