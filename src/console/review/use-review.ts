import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { asProblem } from '../api/problem.ts';
import { putLabels, removeImage, removeLabel } from './captures.ts';
import type { CapturedImage, LabelWord } from './types.ts';
import { type Images, useImages } from './use-images.ts';

type Label = CapturedImage['label'];

/** One step of labelling, with the labels before it. */
type Step = Map<string, Label>;

/** A label for the service: words that name a kind are also names that a class may have. */
export const wordOf = (label: NonNullable<Label>): LabelWord =>
  label.kind === 'class' ? { class: label.label } : label.kind;

/** Stores labels in the order in which they are given, and shows them at once. */
function useStored(tenant: string, { images, byKey, problem }: Images) {
  const last = useRef<Promise<unknown>>(Promise.resolve());
  const show = (labels: Step) => {
    images.value = images.value.map((image) =>
      labels.has(image.sha256) ? { ...image, label: labels.get(image.sha256) ?? null } : image,
    );
  };
  const labelsOf = (targets: readonly string[]): Step =>
    new Map(targets.map((key) => [key, byKey.value.get(key)?.label ?? null]));

  /** Shows labels at once and stores them after those before; a failure takes them back and is shown. */
  const change = (labels: Step): Promise<boolean> => {
    const before = labelsOf([...labels.keys()]);
    show(labels);
    const done = last.current.then(() => store(labels, before));
    last.current = done;
    return done;
  };
  const store = async (labels: Step, before: Step): Promise<boolean> => {
    try {
      const given = [...labels].flatMap(([sha256, label]) => (label ? [{ sha256, label: wordOf(label) }] : []));
      if (given.length > 0) await putLabels(tenant, given);
      for (const [sha256, label] of labels) if (!label && before.get(sha256)) await removeLabel(tenant, sha256);
      problem.value = undefined;
      return true;
    } catch (error) {
      show(before);
      problem.value = asProblem(error);
      return false;
    }
  };

  return { labelsOf, change };
}

/** The kept images of a tenant, the reviewer's choices, and labelling with undo. */
export function useReview(tenant: string) {
  const choices = useImages(tenant);
  const { images, keys, shown, problem, active, selected } = choices;
  const { labelsOf, change } = useStored(tenant, choices);
  const steps = useSignal<Step[]>([]);

  /** The selected images, or the active one. */
  const targets = (): string[] => {
    if (selected.value.size > 0) return [...selected.value];
    const image = shown.value[active.value];
    return image ? [image.sha256] : [];
  };

  const label = async (kind: 'class' | 'none' | 'unsure', name: string = kind) => {
    const chosen = targets();
    if (chosen.length === 0) return;
    const single = selected.value.size === 0;
    const before = labelsOf(chosen);
    selected.value = new Set();
    if (single) active.value = Math.min(shown.value.length - 1, active.value + 1);
    const at = new Date().toISOString();
    steps.value = [...steps.value, before];
    if (await change(new Map(chosen.map((key) => [key, { kind, label: name, by: '', at }])))) return;
    steps.value = steps.value.filter((step) => step !== before);
  };

  const undo = async () => {
    const step = steps.value.at(-1);
    if (!step) return;
    steps.value = steps.value.slice(0, -1);
    const [first = ''] = step.keys();
    const place = keys.value.indexOf(first);
    if (place >= 0) active.value = place;
    await change(step);
  };

  /** Removes the chosen images from the service. */
  const remove = async () => {
    for (const key of targets()) {
      try {
        await removeImage(tenant, key);
      } catch (error) {
        problem.value = asProblem(error);
        return;
      }
      images.value = images.value.filter((image) => image.sha256 !== key);
      keys.value = keys.value.filter((other) => other !== key);
    }
    selected.value = new Set();
    active.value = Math.max(0, Math.min(active.value, shown.value.length - 1));
  };

  return { ...choices, label, undo, remove, steps };
}

export type Review = ReturnType<typeof useReview>;
