import type { ClassEntry, Method, TenantDefinition } from '../api/types.ts';
import { nameOf, parseClasses, toText } from '../class-text.ts';

/** A definition in the form's fields. */
export interface Form {
  classes: string;
  templates: string;
  templatesNo: string;
  method: Method | '';
  imagesPerSecond: string;
  concurrentImages: string;
  /** Undefined: none. */
  negatives: TenantDefinition['negatives'] | undefined;
  /** Undefined: no image is kept. */
  capture: TenantDefinition['capture'] | undefined;
  /** Shown nowhere in the form, and kept as it was: the webhook, and the names of classes without a text. */
  events: TenantDefinition['events'] | undefined;
  byExamples: readonly string[];
}

export const EMPTY: Form = {
  classes: '',
  templates: '',
  templatesNo: '',
  method: '',
  imagesPerSecond: '',
  concurrentImages: '',
  negatives: undefined,
  capture: undefined,
  events: undefined,
  byExamples: [],
};

const hasNoText = (entry: ClassEntry) => typeof entry !== 'string' && entry.text === false;

export function toForm(d: TenantDefinition): Form {
  return {
    classes: toText(d.classes),
    templates: (d.templates ?? []).join('\n'),
    templatesNo: (d.templates_no ?? []).join('\n'),
    method: d.method ?? '',
    imagesPerSecond: String(d.limits?.images_per_second ?? ''),
    concurrentImages: String(d.limits?.concurrent_images ?? ''),
    negatives: d.negatives,
    capture: d.capture,
    events: d.events,
    byExamples: d.classes.filter(hasNoText).map(nameOf),
  };
}

// templates are used unchanged; only empty lines are removed
const lines = (text: string) => text.split('\n').filter((line) => line.trim() !== '');

export function toDefinition(form: Form): TenantDefinition {
  const templates = lines(form.templates);
  const templatesNo = lines(form.templatesNo);
  const limits = {
    ...(form.imagesPerSecond === '' ? {} : { images_per_second: Number(form.imagesPerSecond) }),
    ...(form.concurrentImages === '' ? {} : { concurrent_images: Number(form.concurrentImages) }),
  };
  const withoutText = new Set(form.byExamples);
  const entryOf = (entry: ClassEntry): ClassEntry =>
    withoutText.has(nameOf(entry)) ? { ...(typeof entry === 'string' ? { name: entry } : entry), text: false } : entry;
  return {
    classes: parseClasses(form.classes).map((p) => entryOf(p.entry)),
    ...(templates.length > 0 ? { templates } : {}),
    ...(templatesNo.length > 0 ? { templates_no: templatesNo } : {}),
    ...(form.method === '' ? {} : { method: form.method }),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(form.negatives ? { negatives: form.negatives } : {}),
    ...(form.capture ? { capture: form.capture } : {}),
    ...(form.events ? { events: form.events } : {}),
  };
}
