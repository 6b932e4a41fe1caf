import type { CapturedImage } from './types.ts';

const WORDS = { none: 'none of the classes', unsure: 'unsure' };

/** The label of an image as a coloured word. */
export function LabelBadge({ label }: { label: CapturedImage['label'] }) {
  if (!label) return null;
  const kind = label.kind === 'class' ? 'id' : label.kind === 'none' ? 'ood' : 'open';
  return <span class={`badge label ${kind}`}>✓ {label.kind === 'class' ? label.label : WORDS[label.kind]}</span>;
}
