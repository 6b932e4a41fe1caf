import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { StoredCalibration } from './calibration/stored.ts';
import { canonical, TenantDefinition } from './definition.ts';
import { StoredExamples } from './examples/stored.ts';

/** A stored definition. `version` counts changes and never decreases, not even when a tenant is removed and created again. */
export const TenantRecord = Type.Object(
  {
    id: Type.String(),
    version: Type.Integer({ minimum: 1 }),
    created_at: Type.String(),
    updated_at: Type.String(),
    definition: TenantDefinition,
    /** The last version with complete features. It serves until this version's are complete, and a rollback returns to it. */
    previous: Type.Optional(
      Type.Object(
        {
          version: Type.Integer({ minimum: 1 }),
          definition: TenantDefinition,
          imported: Type.Optional(Type.String()),
          calibration: Type.Optional(StoredCalibration),
          examples: Type.Optional(StoredExamples),
        },
        { additionalProperties: false },
      ),
    ),
    /** The build of this version was cancelled; PUT or a rollback starts it again. */
    cancelled: Type.Optional(Type.Boolean()),
    /** File of the watched directory that defines the tenant; such a tenant cannot be changed by the API. */
    source: Type.Optional(Type.String()),
    /** Origin of imported features in the feature cache; they are used for this tenant only. */
    imported: Type.Optional(Type.String()),
    /** Stays when the definition changes, and is stale then. */
    calibration: Type.Optional(StoredCalibration),
    /** Part of the version, like the definition; a rollback returns to those of its version. */
    examples: Type.Optional(StoredExamples),
  },
  { additionalProperties: false },
);
export type TenantRecord = Static<typeof TenantRecord>;

/** The record of a removed tenant, so that versions keep increasing. */
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
