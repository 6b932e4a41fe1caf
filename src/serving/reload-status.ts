import { type Static, Type } from 'typebox';

const Model = Type.Object(
  {
    name: Type.String(),
    version: Type.String(),
    id: Type.String(),
    precision: Type.String(),
    devices: Type.Array(Type.String()),
  },
  { title: 'LoadedModel' },
);

export const ReloadRequest = Type.Union([
  Type.Null(),
  Type.Object(
    {
      bundle: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 4096,
          description:
            'A bundle under models/ by name, or a path on the server. Without it the configured bundle is loaded again.',
        }),
      ),
    },
    { title: 'ReloadRequest', additionalProperties: false },
  ),
]);
export type ReloadRequest = Static<typeof ReloadRequest>;

export const ReloadStatus = Type.Object(
  {
    state: Type.Enum(['idle', 'running', 'done', 'failed']),
    stage: Type.Optional(Type.Enum(['opening', 'starting', 'tenants', 'draining'])),
    from: Type.Optional(Model),
    to: Type.Optional(Model),
    tenants: Type.Optional(Type.Object({ ready: Type.Integer(), total: Type.Integer() }, { title: 'TenantCount' })),
    started_at: Type.Optional(Type.String({ format: 'date-time' })),
    finished_at: Type.Optional(Type.String({ format: 'date-time' })),
    error: Type.Optional(Type.Unsafe<object>(Type.Object({}, { additionalProperties: true }))),
  },
  { title: 'ReloadStatus' },
);
export type ReloadStatus = Static<typeof ReloadStatus>;
