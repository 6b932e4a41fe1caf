import { useSignal } from '@preact/signals';
import { asProblem } from '../api/problem.ts';
import { count } from '../format.ts';
import { addExamples } from './examples.ts';
import type { Review } from './use-review.ts';

/** Adds the selected images, or the active one, as examples of the classes that they are labelled with. */
export function ExampleButton({ tenant, review }: { tenant: string; review: Review }) {
  const { shown, active, selected, problem } = review;
  const result = useSignal('');
  const working = useSignal(false);
  const chosen =
    selected.value.size > 0
      ? shown.value.filter(({ sha256 }) => selected.value.has(sha256))
      : shown.value.slice(active.value, active.value + 1);
  const usable = chosen.filter(({ label }) => label?.kind === 'class');
  const add = async () => {
    working.value = true;
    try {
      result.value = `${count(await addExamples(tenant, usable), 'example')} added`;
      problem.value = undefined;
    } catch (error) {
      problem.value = asProblem(error);
    }
    working.value = false;
  };
  return (
    <>
      <button
        type="button"
        class="plain"
        disabled={usable.length === 0 || working.value}
        title="Images that are labelled with a class become examples of it"
        onClick={() => void add()}
      >
        Add as example
      </button>
      <span role="status">{result.value}</span>
    </>
  );
}
