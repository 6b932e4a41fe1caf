import { type Static, Type } from 'typebox';

export const Liveness = Type.Object({ status: Type.Literal('ok') }, { title: 'Liveness' });

const Engine = Type.Object(
  {
    name: Type.String({ description: 'The device, numbered if several engines share it.' }),
    state: Type.Enum(['starting', 'ready', 'restarting', 'stopping', 'stopped', 'failed'], { title: 'EngineState' }),
    reason: Type.Optional(Type.String({ description: 'Why the engine is not ready.' })),
    next_try_ms: Type.Optional(Type.Number({ description: 'Milliseconds until the next process is started.' })),
    restarts: Type.Integer(),
  },
  { title: 'Engine' },
);

/** Answer of /readyz, with status 200 or 503. */
export const Readiness = Type.Object(
  {
    status: Type.Union([Type.Literal('ready'), Type.Literal('not_ready')]),
    reasons: Type.Array(Type.String(), { description: 'Empty if the service is ready.' }),
    engines: Type.Array(Engine),
    engine: Type.Object(
      { state: Engine.properties.state, device: Type.String(), precision: Type.String(), restarts: Type.Integer() },
      { title: 'EngineSummary', description: 'All engines together: ready if one of them is.' },
    ),
    model: Type.Object({ name: Type.String(), version: Type.String() }, { title: 'ServingModel' }),
  },
  { title: 'Readiness' },
);
export type Readiness = Static<typeof Readiness>;
