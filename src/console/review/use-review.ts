import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type ApiError, asProblem } from '../api/problem.ts';
import { capturePages, type LabelWord, putLabels, removeImage, removeLabel } from './captures.ts';
import { EVERYTHING, type Filter, passes } from './filter.ts';
import type { CapturedImage } from './types.ts';

type Label = CapturedImage['label'];

/** One step of labelling, with the labels before it. */
type Step = Map<string, Label>;

/** A label for the service: words that name a kind are also names that a class may have. */
export const wordOf = (label: NonNullable<Label>): LabelWord =>
  label.kind === 'class' ? { class: label.label } : label.kind;

/** The kept images of a tenant, the reviewer's choices, and labelling with undo. */
export function useReview(tenant: string) {
  const images = useSignal<CapturedImage[]>([]);
  const loading = useSignal(true);
  const problem = useSignal<ApiError | undefined>(undefined);
  const filter = useSignal<Filter>(EVERYTHING);
  const active = useSignal(0);
  const selected = useSignal<ReadonlySet<string>>(new Set());
  const steps = useSignal<Step[]>([]);
  /** Keys of the images that pass. An image that is labelled stays in its place until the filter changes. */
  const keys = useSignal<string[]>([]);
  const last = useRef<Promise<unknown>>(Promise.resolve());
  const byKey = useComputed(() => new Map(images.value.map((image) => [image.sha256, image])));
  const shown = useComputed(() => keys.value.flatMap((key) => byKey.value.get(key) ?? []));

  const choose = (next: Partial<Filter>) => {
    filter.value = { ...filter.value, ...next };
    keys.value = images.value.filter((image) => passes(image, filter.value)).map(({ sha256 }) => sha256);
    active.value = 0;
    selected.value = new Set();
  };

  useEffect(() => {
    const leaving = new AbortController();
    const load = async () => {
      for await (const page of capturePages(tenant, leaving.signal)) {
        images.value = [...images.value, ...page];
        const passing = page.filter((image) => passes(image, filter.value));
        keys.value = [...keys.value, ...passing.map(({ sha256 }) => sha256)];
      }
      loading.value = false;
    };
    load().catch((error) => {
      if (leaving.signal.aborted) return;
      loading.value = false;
      problem.value = asProblem(error);
    });
    return () => leaving.abort();
  }, []);

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

  const toggle = (key: string) => {
    const next = new Set(selected.value);
    if (!next.delete(key)) next.add(key);
    selected.value = next;
  };

  return { images, shown, loading, problem, filter, choose, active, selected, toggle, label, undo, remove, steps };
}

export type Review = ReturnType<typeof useReview>;
