import { useEffect, useRef } from 'preact/hooks';
import { count } from '../format.ts';
import { forgetRemoved, type Item, removed } from './items.ts';

/** Offers to bring the pictures of the last removal back. */
export function Undo({ onUndo }: { onUndo: () => void }) {
  const last = removed.value;
  if (!last) return null;
  return <Offer key={[...last.some][0]?.id} some={last.some} onUndo={onUndo} />;
}

function Offer({ some, onUndo }: { some: ReadonlySet<Item>; onUndo: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  // the button that removed them no longer exists, and the focus would be lost with it
  useEffect(() => button.current?.focus(), []);
  return (
    <div class="notice undo" role="status">
      <span>{count(some.size, 'picture')} removed.</span>
      <button type="button" ref={button} onClick={onUndo}>
        Undo
      </button>
      <button type="button" class="plain" aria-label="Dismiss" onClick={forgetRemoved}>
        ✕
      </button>
    </div>
  );
}
