import { useSignal } from '@preact/signals';
import { useLayoutEffect } from 'preact/hooks';
import { count } from '../format.ts';
import { ExampleButton } from './example-button.tsx';
import type { Review } from './use-review.ts';

/** Classes with a key of their own: 1 to 9. */
const KEYS = 9;

interface LabellingProps {
  tenant: string;
  classes: readonly string[];
  review: Review;
}

/** Buttons and keys that label the selected images, or the active one. */
export function Labelling({ tenant, classes, review }: LabellingProps) {
  const { label, undo, remove, selected, steps } = review;
  const asking = useSignal(false);
  useKeys(classes, review);
  const several = selected.value.size;
  return (
    <div class="labelling" role="toolbar" aria-label="Label">
      {classes.slice(0, KEYS).map((name, i) => (
        <button key={name} type="button" onClick={() => void label('class', name)}>
          <kbd>{i + 1}</kbd> {name}
        </button>
      ))}
      {classes.length > KEYS && (
        <select
          aria-label="Label as another class"
          value=""
          onChange={(event) => void label('class', event.currentTarget.value)}
        >
          <option value="">another class …</option>
          {classes.slice(KEYS).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      <button type="button" onClick={() => void label('none')}>
        <kbd>N</kbd> none of the classes
      </button>
      <button type="button" onClick={() => void label('unsure')}>
        <kbd>U</kbd> unsure
      </button>
      <button type="button" class="plain" disabled={steps.value.length === 0} onClick={() => void undo()}>
        <kbd>Z</kbd> undo
      </button>
      <button
        type="button"
        class="plain"
        onClick={() => {
          if (asking.value) void remove();
          asking.value = !asking.value;
        }}
        onBlur={() => {
          asking.value = false;
        }}
      >
        {asking.value ? 'Press again to remove the picture' : 'Remove picture'}
      </button>
      <ExampleButton tenant={tenant} review={review} />
      {several > 0 && <span role="status">{count(several, 'image')} selected</span>}
    </div>
  );
}

/** The keys work wherever the focus is, but not in a field for text. */
function useKeys(classes: readonly string[], { label, undo }: Review): void {
  // with the buttons that show the keys: an ordinary effect runs after they are painted, and a key pressed before it would be lost
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if ((event.target as Element | null)?.closest('input, select, textarea, dialog')) return;
      const key = event.key.toLowerCase();
      const name = /^[1-9]$/.test(key) ? classes[Number(key) - 1] : undefined;
      if (name !== undefined) void label('class', name);
      else if (key === 'n') void label('none');
      else if (key === 'u') void label('unsure');
      else if (key === 'z') void undo();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [classes]);
}
