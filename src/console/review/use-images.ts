import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type ApiError, asProblem } from '../api/problem.ts';
import { capturePages } from './captures.ts';
import { EVERYTHING, type ImageFilter, passes } from './filter.ts';
import type { CapturedImage } from './types.ts';

/** The kept images of a tenant, those that pass the filter, and the reviewer's choices. */
export function useImages(tenant: string) {
  const images = useSignal<CapturedImage[]>([]);
  const loading = useSignal(true);
  const problem = useSignal<ApiError | undefined>(undefined);
  const filter = useSignal<ImageFilter>(EVERYTHING);
  const active = useSignal(0);
  const selected = useSignal<ReadonlySet<string>>(new Set());
  /** Keys of the images that pass. An image that is labelled stays in its place until the filter changes. */
  const keys = useSignal<string[]>([]);
  const byKey = useComputed(() => new Map(images.value.map((image) => [image.sha256, image])));
  const shown = useComputed(() => keys.value.flatMap((key) => byKey.value.get(key) ?? []));

  const choose = (next: Partial<ImageFilter>) => {
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

  const toggle = (key: string) => {
    const next = new Set(selected.value);
    if (!next.delete(key)) next.add(key);
    selected.value = next;
  };

  return { images, keys, byKey, shown, loading, problem, filter, choose, active, selected, toggle };
}

export type Images = ReturnType<typeof useImages>;
