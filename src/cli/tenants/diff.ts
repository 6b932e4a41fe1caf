import { printable } from '../../errors/printable.ts';
import { textsOf } from '../../tenants/classes.ts';
import { canonical, type TenantDefinition } from '../../tenants/definition.ts';

/** Most lines that are shown of one list; the rest is only counted. */
const MOST_LINES = 20;

const entryText = (entry: TenantDefinition['classes'][number]) => textsOf(entry).join(' = ');

/** Multiset difference: elements of `a` that are not in `b`. */
function without(a: string[], b: string[]): string[] {
  const counts = new Map<string, number>();
  for (const item of b) counts.set(item, (counts.get(item) ?? 0) + 1);
  return a.filter((item) => {
    const left = counts.get(item) ?? 0;
    if (left > 0) counts.set(item, left - 1);
    return left === 0;
  });
}

function listDiff(name: string, before: string[], after: string[]): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const removed = without(before, after).map((item) => `  - ${printable(item)}`);
  const added = without(after, before).map((item) => `  + ${printable(item)}`);
  const lines = [...removed, ...added];
  if (lines.length === 0) return [`  ${name}: the same in another order`];
  const more = lines.length - MOST_LINES;
  return [
    `  ${name}: ${removed.length} removed, ${added.length} added`,
    ...lines.slice(0, MOST_LINES).map((line) => `  ${line}`),
    ...(more > 0 ? [`    ... and ${more} more`] : []),
  ];
}

/** The differences, line by line; empty if both definitions mean the same. */
export function diffLines(before: TenantDefinition, after: TenantDefinition): string[] {
  if (canonical(before) === canonical(after)) return [];
  const value = (v: unknown) => (v === undefined ? 'default' : JSON.stringify(v));
  const fields = (['method', 'limits', 'events'] as const)
    .filter((f) => value(before[f]) !== value(after[f]))
    .map((f) => `  ${f}: ${value(before[f])} -> ${value(after[f])}`);
  return [
    ...listDiff('classes', before.classes.map(entryText), after.classes.map(entryText)),
    ...listDiff('templates', before.templates ?? [], after.templates ?? []),
    ...listDiff('templates_no', before.templates_no ?? [], after.templates_no ?? []),
    ...fields,
  ];
}
