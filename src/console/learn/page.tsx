import { count, percent } from '../format.ts';
import { Choices } from '../review/keep.tsx';
import { linkTo, route } from '../router.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { fewestFor } from './own-images.ts';
import { Choose, Photographs } from './photographs.tsx';
import { type Learning, useLearning } from './use-learning.ts';

/** From a folder of photographs to a calibrated tenant. */
export function LearnPage() {
  const id = route.value[1] as string;
  const learning = useLearning(id);
  const { tenant, images, problem } = learning;
  return (
    <section class="learn" aria-labelledby="learn-title">
      <a href={linkTo('tenants', id)}>← {id}</a>
      <h2 id="learn-title">Your own images for {id}</h2>
      <p class="hint">
        Choose about thirty photographs or more that show classes of the tenant. The service finds the threshold that
        keeps the share of such images that you choose. It stores their scores, not the images. In folders named after
        classes, some photographs can become examples of their class.
      </p>
      {problem.value && <ProblemNotice problem={problem.value} />}
      {tenant.value && <Choose learning={learning} />}
      {images.value.length > 0 && <Photographs learning={learning} />}
      {images.value.length > 0 && <Calibrate learning={learning} />}
      <Result learning={learning} />
    </section>
  );
}

function Calibrate({ learning }: { learning: Learning }) {
  const { images, plan, perClass, keep, score, state, send } = learning;
  const missing = fewestFor(keep.value) - plan.value.calibration.length;
  const working = typeof state.value === 'object' && 'sent' in state.value ? state.value : undefined;
  return (
    <section aria-labelledby="calibrate-title">
      <h3 id="calibrate-title">Calibrate</h3>
      <Choices keep={keep} score={score} />
      {images.value.some((image) => image.class !== undefined) && (
        <div class="field">
          <label for="per-class">Examples of each class</label>
          <select
            id="per-class"
            value={perClass.value}
            onChange={(event) => {
              perClass.value = Number(event.currentTarget.value);
            }}
          >
            {[0, 1, 3, 5, 20].map((n) => (
              <option key={n} value={n}>
                {n === 0 ? 'none' : `the first ${n === 1 ? 'photograph' : n} of its folder`}
              </option>
            ))}
          </select>
        </div>
      )}
      {missing > 0 && <p role="status">{count(missing, 'more image')} needed for this share.</p>}
      <button type="button" class="primary" disabled={missing > 0 || working !== undefined} onClick={() => void send()}>
        {working ? 'Calibrating …' : 'Calibrate'}
      </button>
      {working && <progress max={working.of} value={working.sent} aria-label="Images that were sent" />}
    </section>
  );
}

function Result({ learning }: { learning: Learning }) {
  const { tenant, state, decide } = learning;
  if (typeof state.value !== 'object' || !('reply' in state.value)) return null;
  const { reply, failed } = state.value;
  const { expected, low, high } = reply.kept_share;
  const own = tenant.value?.definition.method === 'calibrated';
  return (
    <section class="notice" aria-label="Result">
      <p role="status">
        Calibrated with {count(reply.images, 'image')}: {percent(expected)} of further images of the classes are kept on
        average, between {percent(low)} and {percent(high)} with a confidence of 95 %. Of these images, each judged by
        the others, {reply.leave_one_out.kept} of {reply.images} are kept.
        {failed > 0 && ` ${count(failed, 'file')} could not be read.`}
      </p>
      {own ? (
        <p role="status">The calibration decides for this tenant.</p>
      ) : (
        !tenant.value?.source && (
          <button type="button" onClick={() => void decide()}>
            Let the calibration decide for this tenant
          </button>
        )
      )}
      <p>
        <a href={linkTo('playground', reply.tenant)}>Try it in the playground</a>
      </p>
    </section>
  );
}
