import type { Method, TenantDefinition } from '../api/types.ts';
import { parseClasses, toText } from '../class-text.ts';

/** A definition in the form's fields. */
export interface Form {
  classes: string;
  templates: string;
  templatesNo: string;
  method: Method | '';
  imagesPerSecond: string;
  concurrentImages: string;
  /** Undefined: no image is kept. */
  capture: TenantDefinition['capture'] | undefined;
}

export const EMPTY: Form = {
  classes: '',
  templates: '',
  templatesNo: '',
  method: '',
  imagesPerSecond: '',
  concurrentImages: '',
  capture: undefined,
};

export function toForm(d: TenantDefinition): Form {
  return {
    classes: toText(d.classes),
    templates: (d.templates ?? []).join('\n'),
    templatesNo: (d.templates_no ?? []).join('\n'),
    method: d.method ?? '',
    imagesPerSecond: String(d.limits?.images_per_second ?? ''),
    concurrentImages: String(d.limits?.concurrent_images ?? ''),
    capture: d.capture,
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
  return {
    classes: parseClasses(form.classes).map((p) => p.entry),
    ...(templates.length > 0 ? { templates } : {}),
    ...(templatesNo.length > 0 ? { templates_no: templatesNo } : {}),
    ...(form.method === '' ? {} : { method: form.method }),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(form.capture ? { capture: form.capture } : {}),
  };
}
