import { type Static, Type } from 'typebox';
import { KEY_ID } from './api-key.ts';
import { SCOPE } from './scopes.ts';

export const KeyLimits = Type.Object(
  {
    images_per_second: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description: 'Images per second on average; bursts of one second are allowed.',
      }),
    ),
    concurrent_requests: Type.Optional(Type.Integer({ minimum: 1, description: 'Concurrent requests.' })),
    tenants: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Largest number of tenants among those that the key manages.' }),
    ),
    classes: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Largest total number of classes of the tenants that the key manages.' }),
    ),
  },
  { title: 'KeyLimits', additionalProperties: false },
);
export type KeyLimits = Static<typeof KeyLimits>;

const Instant = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$' });

export const MAX_SCOPES = 256;
export const Scopes = Type.Array(Type.String({ pattern: SCOPE.source }), { minItems: 1, maxItems: MAX_SCOPES });
/** Half a character (a lone surrogate) would be stored as another one. */
export const KeyName = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: '^\\P{Cs}*$',
  description: 'Name of the key.',
});

/** A key as it is stored: without its secret. */
export const KeyRecord = Type.Object(
  {
    id: Type.String({ pattern: KEY_ID.source }),
    hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    name: KeyName,
    scopes: Scopes,
    limits: KeyLimits,
    created_at: Instant,
    created_by: Type.String(),
    expires_at: Type.Union([Instant, Type.Null()]),
    revoked_at: Type.Union([Instant, Type.Null()]),
  },
  { additionalProperties: false },
);
export type KeyRecord = Static<typeof KeyRecord>;

export type KeyState = 'active' | 'expired' | 'revoked';

/** `now` in milliseconds since 1970, by this machine's clock. Where keys expire, clocks must be synchronised. */
export function stateOf(
  { revoked_at, expires_at }: Pick<KeyRecord, 'revoked_at' | 'expires_at'>,
  now: number,
): KeyState {
  if (revoked_at !== null) return 'revoked';
  return expires_at !== null && Date.parse(expires_at) <= now ? 'expired' : 'active';
}
