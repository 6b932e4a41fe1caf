import { count } from '../format.ts';
import { announce } from '../ui/copy.ts';
import { groupOf, groups, type Item } from './items.ts';

/** More verdicts than this are announced by their number only. */
const FEW = 3;

/** Announces to screen readers what the pictures show, once all of them have a verdict or an error. */
export function speak(judged: readonly Item[]): void {
  if (judged.length === 0) return;
  if (judged.length <= FEW) {
    announce(judged.map(spoken).join('. '), { shown: false });
    return;
  }
  const parts = groups.peek().map(({ group, count: n }) => {
    if (group.kind === 'class') return `${n} ${group.name}`;
    return `${n} ${group.kind === 'none' ? 'none of these classes' : group.kind === 'problem' ? 'without a verdict' : 'open'}`;
  });
  announce(`${count(judged.length, 'picture')} judged: ${parts.join(', ')}`, { shown: false });
}

function spoken({ name, state }: Item): string {
  const group = groupOf(state.peek());
  if (group.kind === 'class') return `${name}: ${group.name}`;
  return `${name}: ${group.kind === 'none' ? 'none of these classes' : 'no verdict'}`;
}
