import { type Static, Type } from 'typebox';
import { ServiceError } from '../errors/index.ts';

/** Where the verdicts of one tenant are sent as events, if anywhere. */
export const TenantEvents = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 2048,
      description:
        'Address that gets the events by POST, from a host in CLIPN_EVENT_URLS. Everyone who can read the tenant sees it, so it must not contain a secret.',
    }),
    on: Type.Optional(
      Type.Union([Type.Literal('ood'), Type.Literal('all')], {
        description: 'Verdicts that are sent: those on out-of-distribution images (the default), or all.',
      }),
    ),
  },
  { additionalProperties: false, description: 'Sends verdicts to a webhook (CloudEvents, signed).' },
);
export type TenantEvents = Static<typeof TenantEvents>;

/** The same text for the same meaning, as part of `canonical`. */
export const canonicalEvents = ({ url, on = 'ood' }: TenantEvents): string[] => [url, on];

/** The refusal of a definition whose events cannot be sent. */
export const eventsRefused = (fault: string): ServiceError =>
  new ServiceError('invalid_request', fault, { extra: { errors: [{ path: '/events', message: fault }] } });
