import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { call } from '../api/client.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { pathOf } from '../api/tenants.ts';
import type { BuildReply } from '../api/types.ts';
import { milliseconds, number } from '../format.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { followBuild } from './build.ts';

/** Progress of a build. `onOver` is called when it is ready or cancelled. */
export function BuildProgressView({ tenant, onOver }: { tenant: string; onOver: () => void }) {
  const build = useSignal<BuildReply | undefined>(undefined);
  const problem = useSignal<ApiError | undefined>(undefined);
  useEffect(() => {
    const following = new AbortController();
    (async () => {
      for await (const state of followBuild(tenant, following.signal)) build.value = state;
      onOver();
    })().catch((error: unknown) => {
      if (!following.signal.aborted) problem.value = asProblem(error);
    });
    return () => following.abort();
  }, [tenant]);
  const cancel = () =>
    call(`${pathOf(tenant)}/build`, { method: 'DELETE' }).catch((error: unknown) => {
      // the build may have ended just before; then there is nothing to cancel
      if (asProblem(error).code !== 'no_build') problem.value = asProblem(error);
    });
  const b = build.value;
  return (
    <section class="notice build" aria-label="Build">
      {problem.value && <ProblemNotice problem={problem.value} />}
      <label for="build-progress">
        {b?.failure
          ? `The last try failed and will be repeated: ${b.failure}`
          : `Building version ${b?.version ?? '…'}`}
      </label>
      <progress id="build-progress" max={b?.total || 1} value={b?.done ?? 0} />
      <p class="faint">
        {b === undefined
          ? 'asking …'
          : [
              `${b.done} of ${b.total} texts (${b.percent} %)`,
              b.texts_per_second === null ? '' : `${number(b.texts_per_second)} texts/s`,
              b.eta_seconds === null ? '' : `${milliseconds(b.eta_seconds * 1000)} to go`,
              b.serving_version === null ? '' : `version ${b.serving_version} is in use until then`,
            ]
              .filter((part) => part !== '')
              .join(' · ')}
      </p>
      <button type="button" onClick={cancel}>
        Cancel the build
      </button>
    </section>
  );
}
