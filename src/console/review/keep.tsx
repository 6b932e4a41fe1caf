import { type Signal, useSignal } from '@preact/signals';
import { type ApiError, asProblem } from '../api/problem.ts';
import type { CalibrationScore } from '../api/types.ts';
import { count, percent } from '../format.ts';
import { calibrate } from '../learn/send.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { keptImage } from './captures.ts';
import { keepErrors } from './keep-errors.ts';
import type { CapturedImage } from './types.ts';

/** The choices of a calibration. */
interface ChoicesProps {
  keep: Signal<number>;
  score: Signal<CalibrationScore>;
}

export function Choices({ keep, score }: ChoicesProps) {
  return (
    <div class="settings">
      <div class="field">
        <label for="keep">Keep at least {percent(keep.value)} of the images of the classes</label>
        <input
          id="keep"
          type="range"
          min="0.5"
          max="0.99"
          step="0.01"
          value={keep.value}
          onInput={(event) => {
            keep.value = Number(event.currentTarget.value);
          }}
        />
      </div>
      <div class="field">
        <label for="keep-score">Score</label>
        <select
          id="keep-score"
          value={score.value}
          onChange={(event) => {
            score.value = event.currentTarget.value as CalibrationScore;
          }}
        >
          <option value="atd">ATD</option>
          <option value="ctw">CTW</option>
        </select>
      </div>
    </div>
  );
}

/** A slider for the share that a calibration keeps. It shows both errors before anything is saved. */
export function Keep({ tenant, images }: { tenant: string; images: readonly CapturedImage[] }) {
  const keep = useSignal(0.95);
  const score = useSignal<CalibrationScore>('atd');
  const state = useSignal<'idle' | 'working' | { images: number }>('idle');
  const problem = useSignal<ApiError | undefined>(undefined);
  const errors = keepErrors(images, score.value, keep.value);
  const save = async () => {
    state.value = 'working';
    problem.value = undefined;
    try {
      const ofClasses = images.filter(({ label }) => label?.kind === 'class').map((image) => keptImage(tenant, image));
      const { reply } = await calibrate(tenant, ofClasses, { keep: keep.value, score: score.value });
      state.value = { images: reply.images };
    } catch (error) {
      state.value = 'idle';
      problem.value = asProblem(error);
    }
  };
  return (
    <section class="review-keep" aria-labelledby="keep-title">
      <h3 id="keep-title">Calibrate with these labels</h3>
      <Choices keep={keep} score={score} />
      <p role="status">
        {errors.threshold === null
          ? `${count(errors.ofClasses, 'labelled image')} of the classes: too few for this share.`
          : `Would refuse ${shown(errors.falseRefusals)} of the images of the classes (${count(errors.ofClasses, 'label')}) and accept ${shown(errors.falseAcceptances)} of the others (${count(errors.ofNone, 'label')}).`}
      </p>
      <button
        type="button"
        disabled={errors.threshold === null || state.value === 'working'}
        onClick={() => void save()}
      >
        {state.value === 'working' ? 'Calibrating …' : 'Calibrate'}
      </button>
      {typeof state.value === 'object' && <p role="status">Calibrated with {count(state.value.images, 'image')}.</p>}
      {problem.value && <ProblemNotice problem={problem.value} />}
    </section>
  );
}

const shown = (share: number | null) => (share === null ? 'an unknown share' : percent(share));
