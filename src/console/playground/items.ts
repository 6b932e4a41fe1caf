import { computed, type Signal, signal } from '@preact/signals';
import type { ApiError } from '../api/problem.ts';
import type { DetectReply, Verdict } from '../api/types.ts';
import { decisionOf } from './explain.ts';
import type { Picture } from './files.ts';
import { method } from './subject.ts';

export type State =
  | { is: 'waiting' }
  | { is: 'asking'; note?: string }
  | { is: 'judged'; verdict: Verdict; reply: DetectReply; roundTripMs: number }
  | { is: 'failed'; problem: ApiError };

export interface Item extends Picture {
  id: number;
  /** Address for <img>; undefined if the browser cannot show the file. */
  url: string | undefined;
  state: Signal<State>;
}

export const items = signal<Item[]>([]);
let lastId = 0;

export function addItems(pictures: Picture[]): Item[] {
  const added = pictures.map(({ name, blob }): Item => {
    const url = blob.type.startsWith('image/') || blob.type === '' ? URL.createObjectURL(blob) : undefined;
    return { id: ++lastId, name, blob, url, state: signal<State>({ is: 'waiting' }) };
  });
  // the newest first, because users look for the pictures that they just added
  items.value = [...added, ...items.value];
  return added;
}

export function removeItem(item: Item): void {
  items.value = items.value.filter((i) => i !== item);
  if (item.url) URL.revokeObjectURL(item.url);
}

export function clearItems(): void {
  for (const { url } of items.value) if (url) URL.revokeObjectURL(url);
  items.value = [];
}

/** The group of a picture in the counts: a class name, or one of the special groups. */
export type Group = { kind: 'class'; name: string } | { kind: 'none' | 'problem' | 'open'; name: '' };

export function groupOf(state: State): Group {
  if (state.is === 'failed') return { kind: 'problem', name: '' };
  if (state.is !== 'judged') return { kind: 'open', name: '' };
  const rule = method.value ?? state.verdict.method;
  return decisionOf(state.verdict, rule) === 'ood'
    ? { kind: 'none', name: '' }
    : { kind: 'class', name: state.verdict.prediction.class };
}

export const groupKey = ({ kind, name }: Group) => `${kind} ${name}`;

/** Number of pictures in each group: classes by size, then none, problems, and unfinished ones. */
export const groups = computed(() => {
  const counts = new Map<string, { group: Group; count: number }>();
  for (const { state } of items.value) {
    const group = groupOf(state.value);
    const known = counts.get(groupKey(group));
    if (known) known.count++;
    else counts.set(groupKey(group), { group, count: 1 });
  }
  const order = { class: 0, none: 1, problem: 2, open: 3 };
  return [...counts.values()].sort((a, b) => order[a.group.kind] - order[b.group.kind] || b.count - a.count);
});
