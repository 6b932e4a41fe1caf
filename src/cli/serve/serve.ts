import type { Config } from '../../config/index.ts';
import { relaxHeap } from './heap.ts';
import { observedModel } from './live-model.ts';
import { openTelemetry } from './telemetry.ts';

/**
 * `clipn-gate serve`: listens at once, so that liveness and readiness can be polled while the model loads; ready when engine
 * and tenants are. SIGINT or SIGTERM ends it: readiness fails, requests in progress are answered, then everything closes.
 * With a gate file the gate runs in the same process.
 */
export async function serve(config: Config, programVersion: string, gateFile?: string): Promise<void> {
  const telemetry = await openTelemetry(config, programVersion);
  const live = observedModel(config, telemetry);
  const prepared = await live.prepare();
  // the processes open the model while this one loads the modules of the service; should that fail, they end with this process
  const started = prepared.engine.start();
  started.catch(() => {});
  const { openService } = await import('./service.ts');
  await openService({ config, telemetry, live, prepared, started, gateFile });
  // after the modules have been loaded: V8 refuses the code cache of Node.js's own modules under other flags
  relaxHeap();
}
