import type { FreeRule, Rule } from '../../clipn/index.ts';
import { ServiceError } from '../../errors/index.ts';
import { methodFault, type Negatives } from '../negatives/settings.ts';
import type { ServingCalibration } from './serving.ts';

/** The parts of a serving version that decide about the rule of a verdict. */
export interface RuledServing {
  /** The rule of the tenant's definition, or the service's own. */
  method: Rule;
  /** The rule without a threshold that decides while the calibration does not apply. */
  uncalibratedMethod: FreeRule;
  calibration: ServingCalibration | undefined;
  negatives?: Negatives | undefined;
}

/**
 * The rule of a standing setting (tenant, gate file): while its calibration is stale, the rule without a threshold decides.
 * @throws ServiceError not_calibrated, no_negatives
 */
export function standingRule(serving: RuledServing, setting: Rule = serving.method): Rule {
  const fault = methodFault(setting, serving.negatives);
  if (fault !== undefined) throw new ServiceError('no_negatives', `${fault[0]?.toUpperCase()}${fault.slice(1)}.`);
  if (setting !== 'calibrated') return setting;
  if (!serving.calibration) throw notCalibrated();
  return serving.calibration.stale ? serving.uncalibratedMethod : setting;
}

/**
 * The rule that decides one request. A request that names the calibrated rule gets it or an error.
 * @param asked the rule that the request names; undefined for the tenant's own
 * @throws ServiceError not_calibrated, calibration_stale, no_negatives
 */
export function requestedRule(serving: RuledServing, asked: Rule | undefined): Rule {
  const stale = serving.calibration?.stale;
  if (asked === 'calibrated' && stale) {
    throw new ServiceError(
      'calibration_stale',
      `The calibration was made with ${stale === 'model' ? 'another model' : 'other classes'}. ` +
        'Calibrate the tenant again, or use a rule without a threshold.',
      { extra: { stale_because: stale } },
    );
  }
  return standingRule(serving, asked);
}

export function notCalibrated(): ServiceError {
  return new ServiceError(
    'not_calibrated',
    'The tenant has no calibration: POST images of its classes to /v1/tenants/{tenant}/calibration, or use a rule without a threshold.',
  );
}
