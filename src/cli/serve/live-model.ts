import type { Config } from '../../config/index.ts';
import { LiveModel } from '../../serving/live-model.ts';
import { counted, engineObserver } from './observer.ts';
import type { Telemetry } from './telemetry.ts';

/** The live model of the configuration, connected to log and metrics; not opened yet. */
export function observedModel(config: Config, { logger, metrics }: Telemetry): LiveModel {
  return new LiveModel({
    config,
    observer: engineObserver(metrics, logger),
    builder: (engine) => counted(engine, metrics),
    onOpened: ({ bundle, why, devices, passedOver }) => {
      logger.info({ bundle: bundle.id, precision: bundle.precision, why, devices }, 'model bundle opened');
      for (const { device, why } of passedOver) logger.info({ device, why }, 'device not used');
    },
  });
}
