import type { TenantDefinition } from '../api/types.ts';
import { toText } from '../class-text.ts';

export interface ListChange {
  added: string[];
  removed: string[];
  /** The same names in another order. */
  reordered: boolean;
}

export interface Difference {
  classes: ListChange;
  templates: ListChange;
  templatesNo: ListChange;
  fields: { name: string; before: string; after: string }[];
  none: boolean;
}

/** Names may occur more than once: each occurrence counts. */
export function listChange(before: readonly string[], after: readonly string[]): ListChange {
  const added = without(after, before);
  const removed = without(before, after);
  const same = added.length === 0 && removed.length === 0;
  return { added, removed, reordered: same && before.some((name, i) => name !== after[i]) };
}

function without(list: readonly string[], other: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const name of other) left.set(name, (left.get(name) ?? 0) + 1);
  return list.filter((name) => {
    const n = left.get(name) ?? 0;
    left.set(name, n - 1);
    return n <= 0;
  });
}

const isSame = (c: ListChange) => c.added.length === 0 && c.removed.length === 0 && !c.reordered;

const settings = (of: object | undefined, usual: string) =>
  of === undefined ? 'none' : Object.keys(of).length === 0 ? usual : JSON.stringify(of);
const kept = (rules: TenantDefinition['capture']) => settings(rules, 'by the usual shares');
const compared = (negatives: TenantDefinition['negatives']) => settings(negatives, 'with the published values');

/** The difference between the stored and the edited definition. */
export function difference(before: TenantDefinition | undefined, after: TenantDefinition): Difference {
  const names = (d: TenantDefinition | undefined) => (d?.classes ?? []).map((entry) => toText([entry]));
  const classes = listChange(names(before), names(after));
  const templates = listChange(before?.templates ?? [], after.templates ?? []);
  const templatesNo = listChange(before?.templates_no ?? [], after.templates_no ?? []);
  const value = (v: unknown) => (v === undefined ? 'not set' : String(v));
  const fields = [
    { name: 'rule', before: value(before?.method), after: value(after.method) },
    {
      name: 'images per second',
      before: value(before?.limits?.images_per_second),
      after: value(after.limits?.images_per_second),
    },
    {
      name: 'images at once',
      before: value(before?.limits?.concurrent_images),
      after: value(after.limits?.concurrent_images),
    },
    {
      name: 'negative labels',
      before: compared(before?.negatives),
      after: compared(after.negatives),
    },
    {
      name: 'images kept for review',
      before: kept(before?.capture),
      after: kept(after.capture),
    },
  ].filter((f) => f.before !== f.after);
  const none = isSame(classes) && isSame(templates) && isSame(templatesNo) && fields.length === 0;
  return { classes, templates, templatesNo, fields, none };
}
