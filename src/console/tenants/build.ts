import { pause } from '../api/client.ts';
import { events } from '../api/events.ts';
import { ApiError } from '../api/problem.ts';
import { pathOf } from '../api/tenants.ts';
import type { BuildReply } from '../api/types.ts';

const AGAIN_MS = 1500;

/**
 * Follows a build until it ends: yields its states as the service sends them, over any number of connections.
 * @throws ApiError when the service refuses, or the signal's reason
 */
export async function* followBuild(tenant: string, signal: AbortSignal): AsyncGenerator<BuildReply> {
  for (;;) {
    try {
      for await (const { name, data } of events(`${pathOf(tenant)}/build/events`, signal)) {
        if (name === 'removed') return;
        if (name === 'closing') break;
        const build = JSON.parse(data) as BuildReply;
        yield build;
        if (build.state === 'ready' || build.state === 'cancelled') return;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ApiError && !error.passing) throw error;
    }
    // the stream ended early, or the service is restarting; the state of the build is stored
    await pause(AGAIN_MS, signal);
  }
}
