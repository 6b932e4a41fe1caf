import { type Static, Type } from 'typebox';
import { defined } from '../../defined.ts';
import { TenantDefinition } from '../../tenants/definition.ts';
import { type BuildProgress, percentOf } from '../../tenants/progress.ts';
import type { TenantRegistry } from '../../tenants/registry.ts';
import type { TenantView } from '../../tenants/tenant.ts';
import { CalibrationSummary, calibrationSummary } from './calibration.ts';
import { DetectHeaders } from './detect.ts';

export const TenantParams = Type.Object({
  tenant: Type.String({ description: '1 to 63 lower-case letters, digits, dots, hyphens, underscores.' }),
});
export type TenantParams = Static<typeof TenantParams>;

export const TenantStateSchema = Type.Union(
  [Type.Literal('ready'), Type.Literal('building'), Type.Literal('failed'), Type.Literal('cancelled')],
  { title: 'TenantState', description: 'State of the features of the newest version.' },
);

export const TenantProgress = Type.Object(
  {
    done: Type.Integer({ description: 'Texts of both encoders that are encoded or were in the cache.' }),
    total: Type.Integer(),
    percent: Type.Integer({ minimum: 0, maximum: 100 }),
    texts_per_second: Type.Union([Type.Number(), Type.Null()]),
    eta_seconds: Type.Union([Type.Number(), Type.Null()]),
  },
  { title: 'TenantProgress' },
);

export const TenantSummary = Type.Object(
  {
    tenant: Type.String(),
    version: Type.Integer({ description: 'Number of the version, counted from 1.' }),
    state: TenantStateSchema,
    serving_version: Type.Union([Type.Integer(), Type.Null()], {
      description: 'The version in service: the previous one while a new one is being built.',
    }),
    progress: TenantProgress,
    class_count: Type.Integer(),
    etag: Type.String(),
    created_at: Type.String(),
    updated_at: Type.String(),
    source: Type.Optional(Type.String({ description: 'File of the watched directory that defines the tenant.' })),
    previous_version: Type.Union([Type.Integer(), Type.Null()], {
      description: 'The version that a rollback restores.',
    }),
    failure: Type.Optional(Type.String({ description: 'Reason why the last build failed; it will be tried again.' })),
  },
  { title: 'TenantSummary' },
);
export type TenantSummary = Static<typeof TenantSummary>;

/** If-Match and If-None-Match of a request that changes a tenant. */
export const ConditionHeaders = Type.Object({
  'if-match': Type.Optional(Type.String({ description: 'Change the tenant only in the state with this entity tag.' })),
  'if-none-match': Type.Optional(Type.String({ description: '`*`: only if the tenant does not exist.' })),
});
export type ConditionHeaders = Static<typeof ConditionHeaders>;

/** The same, for a request with images. */
export const ConditionalDetectHeaders = Type.Object({ ...DetectHeaders.properties, ...ConditionHeaders.properties });
export type ConditionalDetectHeaders = Static<typeof ConditionalDetectHeaders>;

/** The same, for a request that may wait for features. */
export const WaitHeaders = Type.Object({
  prefer: Type.Optional(Type.String({ description: '`wait=<seconds>` or `respond-async` (RFC 7240).' })),
  ...ConditionHeaders.properties,
});
export type WaitHeaders = Static<typeof WaitHeaders>;

export const BuildReply = Type.Object(
  {
    tenant: Type.String(),
    version: Type.Integer({ description: 'The version whose features are built.' }),
    state: TenantStateSchema,
    serving_version: Type.Union([Type.Integer(), Type.Null()]),
    ...TenantProgress.properties,
    started_at: Type.Union([Type.String(), Type.Null()]),
    failure: Type.Optional(Type.String({ description: 'Reason why the last try failed; it will be repeated.' })),
  },
  { title: 'TenantBuild', description: "State of the build of a tenant's newest version." },
);
export type BuildReply = Static<typeof BuildReply>;

export const TenantWarning = Type.Object(
  {
    code: Type.Union([
      Type.Literal('unknown_words'),
      Type.Literal('truncated', { description: 'The model reads the beginning of the text only.' }),
      Type.Literal('duplicate_class'),
      Type.Literal('single_class'),
    ]),
    message: Type.String(),
    class: Type.Optional(Type.String()),
    index: Type.Optional(Type.Integer()),
    words: Type.Optional(Type.Array(Type.String())),
  },
  { title: 'TenantWarning' },
);

export const TenantReply = Type.Object(
  {
    ...TenantSummary.properties,
    definition: TenantDefinition,
    calibration: Type.Optional(CalibrationSummary),
    examples: Type.Optional(
      Type.Array(
        Type.Object(
          { class: Type.String(), images: Type.Integer(), lacking: Type.Optional(Type.Literal(true)) },
          { title: 'ExampleCount' },
        ),
        {
          description:
            'Classes with example images; only if there are any. `lacking`: another model embedded them, so they do not count until they are sent again.',
        },
      ),
    ),
    warnings: Type.Array(TenantWarning),
  },
  { title: 'Tenant' },
);
export type TenantReply = Static<typeof TenantReply>;

export function toProgress(progress: BuildProgress): Static<typeof TenantProgress> {
  const { done, total, rate, etaSeconds } = progress;
  return {
    done,
    total,
    percent: percentOf(progress),
    texts_per_second: rate === undefined ? null : Math.round(rate * 10) / 10,
    eta_seconds: etaSeconds === undefined ? null : Math.round(etaSeconds * 10) / 10,
  };
}

export function toSummary({ record, etag, state, servingVersion, progress, failure }: TenantView): TenantSummary {
  return {
    tenant: record.id,
    version: record.version,
    state,
    serving_version: servingVersion ?? null,
    progress: toProgress(progress),
    class_count: record.definition.classes.length,
    etag,
    created_at: record.created_at,
    updated_at: record.updated_at,
    ...defined({ source: record.source }),
    previous_version: record.previous?.version ?? null,
    ...defined({ failure }),
  };
}

export function toBuild({ record, state, servingVersion, progress, failure }: TenantView): BuildReply {
  return {
    tenant: record.id,
    version: record.version,
    state,
    serving_version: servingVersion ?? null,
    ...toProgress(progress),
    started_at: progress.startedAt ?? null,
    ...defined({ failure }),
  };
}

/**
 * The entity tag of GET. A serving definition has its own tag; before that the tag also contains the state, so that a client
 * that polls with it sees the moment when the features are ready. If-Match accepts both.
 */
export function entityTag({ etag, state }: TenantView): string {
  return state === 'ready' ? etag : `${etag.slice(0, -1)}.${state}"`;
}

/** The answer about one tenant. */
export function replyOf(tenants: TenantRegistry, view: TenantView): TenantReply {
  const { id, definition } = view.record;
  const state = tenants.calibration(id);
  const calibration = state && calibrationSummary(state);
  const shown = tenants.examples(id);
  const examples = shown.length > 0 ? shown : undefined;
  return {
    ...toSummary(view),
    definition,
    ...defined({ calibration, examples }),
    warnings: tenants.warnings(definition),
  };
}
