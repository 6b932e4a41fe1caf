import { effect, signal } from '@preact/signals';
import { count } from '../format.ts';
import { announce, download } from '../ui/copy.ts';
import { Card } from './card.tsx';
import { DropZone } from './drop-zone.tsx';
import type { Picture } from './files.ts';
import { Grid } from './grid.tsx';
import { addItems, groupKey, groupOf, groups, type ItemGroup, items, removeItems, restoreItems } from './items.ts';
import { judge, judgeAll } from './judge.ts';
import { SubjectPanel } from './panel.tsx';
import { Samples } from './samples.tsx';
import { keepInSight } from './sight.ts';
import { mode, subjectKey, typedClasses } from './subject.ts';
import { Undo } from './undo.tsx';

/** More pictures than this are shown as a grid by default. */
const CARDS = 6;
/** Size of the first group of pictures: adding hundreds at once would block the main thread. */
const FIRST_LOT = 8;
const MOST = 40;
/** Target time for adding one group, painting included, in milliseconds. It sets the size of the next group. */
const LOT_MS = 50;
/** Pause between the last key stroke and the request, in milliseconds. */
const TYPING_MS = 700;

const chosenView = signal<'cards' | 'grid' | undefined>();
const only = signal<string | undefined>();

let lastSubject: string | undefined;
effect(() => {
  const subject = subjectKey.value;
  const first = lastSubject === undefined;
  lastSubject = subject;
  if (first) return;
  const wait = setTimeout(judgeAll, mode.peek() === 'typed' ? TYPING_MS : 0);
  return () => clearTimeout(wait);
});

/** Adds pictures in groups, the last group first: each group is put before the earlier ones, so that the order is kept. */
async function take(pictures: Picture[]): Promise<void> {
  if (pictures.length === 0) return;
  announce(`${count(pictures.length, 'picture')} added`, { shown: false });
  for (let end = pictures.length, lot = FIRST_LOT; end > 0; ) {
    const start = Math.max(0, end - lot);
    const began = performance.now();
    // in a task of its own, because the task of the drop event is long enough already
    await painted();
    const first = end === pictures.length;
    judge(addItems(pictures.slice(start, end)));
    if (first) void keepInSight();
    end = start;
    const took = performance.now() - began;
    lot = Math.max(1, Math.min(MOST, Math.round(lot * Math.min(2, LOT_MS / took))));
  }
}

/** Resolves after the next frame, or soon in a hidden page. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(wait);
      setTimeout(resolve);
    };
    const wait = setTimeout(resolve, 200);
    requestAnimationFrame(done);
  });
}

export function Playground() {
  const all = items.value;
  const empty = all.length === 0;
  return (
    <div class="playground">
      <SubjectPanel />
      <div class="stage">
        <DropZone small={!empty} onPictures={(pictures) => void take(pictures)} />
        {empty && <Samples onPicture={(picture) => void take([picture])} />}
        <Undo onUndo={() => judge(restoreItems())} />
        {empty ? <Explanation /> : <Results />}
      </div>
    </div>
  );
}

function Results() {
  const all = items.value;
  const shown = only.value === undefined ? all : all.filter((i) => groupKey(groupOf(i.state.value)) === only.value);
  const view = chosenView.value ?? (all.length > CARDS ? 'grid' : 'cards');
  return (
    <>
      {mode.value === 'typed' && typedClasses.value.length === 0 && (
        <p class="notice" role="status">
          Type class names to compare the pictures with.
        </p>
      )}
      <Counts />
      <div class="toolbar">
        <fieldset class="switch compact">
          <legend class="visually-hidden">View</legend>
          {(['cards', 'grid'] as const).map((v) => (
            <label key={v}>
              <input
                type="radio"
                name="view"
                checked={view === v}
                onChange={() => {
                  chosenView.value = v;
                }}
              />
              <span>{v === 'cards' ? 'Details' : 'Grid'}</span>
            </label>
          ))}
        </fieldset>
        <button type="button" onClick={() => download('verdicts.json', everyVerdict())}>
          Download all as JSON
        </button>
        <button type="button" onClick={() => removeItems(items.peek())}>
          Remove all
        </button>
      </div>
      {view === 'grid' ? <Grid items={shown} /> : shown.map((item) => <Card key={item.id} item={item} />)}
    </>
  );
}

const LABELS: Record<Exclude<ItemGroup['kind'], 'class'>, string> = {
  none: '✕ none of these',
  problem: '! no verdict',
  open: '… open',
};

/** The number of pictures in each group. A click shows only that group. */
function Counts() {
  const found = groups.value;
  if (only.value !== undefined && !found.some((g) => groupKey(g.group) === only.value)) only.value = undefined;
  return (
    <ul class="counts" aria-label={`${count(items.value.length, 'picture')} by verdict`}>
      {found.map(({ group, count: n }) => {
        const key = groupKey(group);
        return (
          <li key={key}>
            <button
              type="button"
              class={group.kind}
              aria-pressed={only.value === key}
              onClick={() => {
                only.value = only.value === key ? undefined : key;
              }}
            >
              {group.kind === 'class' ? `✓ ${group.name}` : LABELS[group.kind]} <strong>{n}</strong>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function everyVerdict() {
  return items.peek().map(({ name, state }) => {
    const s = state.peek();
    if (s.is === 'judged') {
      const { results: _, ...rest } = s.reply;
      return { ...s.verdict, id: name, request: rest };
    }
    return { id: name, ...(s.is === 'failed' ? { error: s.problem.fields } : { pending: true }) };
  });
}

function Explanation() {
  return (
    <section class="explanation" aria-label="Explanation">
      <h2>Which of the classes does a picture show, and does it show any of them?</h2>
      <p>
        The model computes two probabilities for every class: “yes”, that the picture shows this class and none of the
        others, and “no”, that the picture does <em>not</em> show it. A picture whose likeliest class has a “no” above
        one half shows none of the classes. There is no threshold to tune.
      </p>
    </section>
  );
}
