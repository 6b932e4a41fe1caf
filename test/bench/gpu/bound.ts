import { figure } from './raw.ts';
import type { ServiceRun } from './schema.ts';

/** The service is as fast as what bounds it where it reaches this share of the bound. */
const NEAR = 0.8;

/**
 * The bound of a service, and the rate of a card that decodes by itself: that of the raw session, because the host then decodes nothing. The same
 * rate with decoders on the host takes raw / (decode / cores) cores. Neither is measured.
 * @param best images/s of the service
 * @param rates images/s of the host's decoders on all cores, and of the raw session
 */
export function boundOf(
  best: number,
  { decode, raw }: { decode: number; raw: number },
  cores: number,
): Pick<ServiceRun, 'share_of_bound' | 'bound' | 'card_decoder'> {
  const bound = Math.min(decode, raw);
  return {
    share_of_bound: figure(best / bound),
    bound: best < NEAR * bound ? 'unknown' : decode < raw ? 'decode' : 'device',
    card_decoder: {
      computed: true,
      images_per_second: figure(raw),
      times: figure(raw / bound),
      cores_for_as_much: figure((raw * cores) / decode),
    },
  };
}
