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
  /** `subjectKey` of the last request. */
  subject: string | undefined;
}

export const items = signal<Item[]>([]);
let lastId = 0;

export function addItems(pictures: Picture[]): Item[] {
  const added = pictures.map(({ name, blob }): Item => {
    const url = blob.type.startsWith('image/') || blob.type === '' ? URL.createObjectURL(blob) : undefined;
    return { id: ++lastId, name, blob, url, state: signal<State>({ is: 'waiting' }), subject: undefined };
  });
  // the newest first, because users look for the pictures that they just added
  items.value = [...added, ...items.value];
  return added;
}

/** The pictures of the last removal, which can be undone, and all pictures of that moment in their order. */
export const removed = signal<{ some: ReadonlySet<Item>; before: Item[] } | undefined>();

/** Removes pictures. They stay in memory until the next removal, or until the user gives up the undo. */
export function removeItems(some: readonly Item[]): void {
  forgetRemoved();
  removed.value = { some: new Set(some), before: items.value };
  items.value = items.value.filter((i) => !removed.value?.some.has(i));
}

/** Brings the pictures of the last removal back to their places. @returns those pictures */
export function restoreItems(): Item[] {
  if (!removed.value) return [];
  const { some, before } = removed.value;
  const here = new Set(items.value);
  const known = new Set(before);
  items.value = [...items.value.filter((i) => !known.has(i)), ...before.filter((i) => some.has(i) || here.has(i))];
  removed.value = undefined;
  return [...some];
}

export function forgetRemoved(): void {
  for (const { url } of removed.value?.some ?? []) if (url) URL.revokeObjectURL(url);
  removed.value = undefined;
}

/** The group of a picture in the counts: a class name, or one of the special groups. */
export type ItemGroup = { kind: 'class'; name: string } | { kind: 'none' | 'problem' | 'open'; name: '' };

export function groupOf(state: State): ItemGroup {
  if (state.is === 'failed') return { kind: 'problem', name: '' };
  if (state.is !== 'judged') return { kind: 'open', name: '' };
  const rule = method.value ?? state.verdict.method;
  return decisionOf(state.verdict, rule) === 'ood'
    ? { kind: 'none', name: '' }
    : { kind: 'class', name: state.verdict.prediction.class };
}

export const groupKey = ({ kind, name }: ItemGroup) => `${kind} ${name}`;

/** Number of pictures in each group: classes by size, then none, problems, and unfinished ones. */
export const groups = computed(() => {
  const counts = new Map<string, { group: ItemGroup; count: number }>();
  for (const { state } of items.value) {
    const group = groupOf(state.value);
    const known = counts.get(groupKey(group));
    if (known) known.count++;
    else counts.set(groupKey(group), { group, count: 1 });
  }
  const order = { class: 0, none: 1, problem: 2, open: 3 };
  return [...counts.values()].sort((a, b) => order[a.group.kind] - order[b.group.kind] || b.count - a.count);
});
