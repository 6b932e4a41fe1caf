import { useState } from 'preact/hooks';
import { percent } from '../format.ts';
import { Dialog } from '../ui/dialog.tsx';
import { CardBody, Thumbnail } from './card.tsx';
import { decisionOf } from './explain.ts';
import { groupOf, type Item, type State } from './items.ts';
import { method } from './subject.ts';
import { Badge } from './verdict.tsx';

/** Many pictures, one tile each. A click shows the details of one. */
export function Grid({ items }: { items: Item[] }) {
  const [open, setOpen] = useState<Item | undefined>();
  return (
    <>
      <ul class="grid">
        {items.map((item) => (
          // `setOpen` never changes, so that new tiles do not redraw the existing ones
          <Tile key={item.id} item={item} onOpen={setOpen} />
        ))}
      </ul>
      {open && <Details item={open} onClose={() => setOpen(undefined)} />}
    </>
  );
}

function Tile({ item, onOpen }: { item: Item; onOpen: (item: Item) => void }) {
  const state = item.state.value;
  return (
    <li class={`tile ${groupOf(state).kind}`}>
      <button type="button" onClick={() => onOpen(item)} aria-label={`${item.name}: ${inWords(state)}`}>
        <Thumbnail item={item} alt="" />
        <span class="tile-verdict">{inWords(state)}</span>
        <span class="tile-numbers">{numbers(state)}</span>
      </button>
    </li>
  );
}

function Details({ item, onClose }: { item: Item; onClose: () => void }) {
  const state = item.state.value;
  return (
    <Dialog title={item.name} onClose={onClose} wide>
      <div class="details">
        <Thumbnail item={item} alt={item.name} />
        <div>
          {state.is === 'judged' && <Badge verdict={state.verdict} rule={method.value ?? state.verdict.method} />}
          <CardBody item={item} state={state} />
        </div>
      </div>
    </Dialog>
  );
}

function inWords(state: State): string {
  if (state.is === 'failed') return state.problem.title;
  if (state.is !== 'judged') return state.is === 'waiting' ? 'waiting' : 'asking …';
  const { verdict } = state;
  return decisionOf(verdict, method.value ?? verdict.method) === 'ood'
    ? `✕ none (most like ${verdict.prediction.class})`
    : `✓ ${verdict.prediction.class}`;
}

function numbers(state: State): string {
  if (state.is !== 'judged') return '';
  const { prediction, no_probability: no, ood_probability: none } = state.verdict;
  return `yes ${percent(prediction.probability)} · no ${percent(no)} · none ${percent(none)}`;
}
