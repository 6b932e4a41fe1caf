import { useId, useRef } from 'preact/hooks';
import type { Warning } from '../api/types.ts';
import { markUnknown } from '../class-text.ts';

interface ClassEditorProps {
  label: string;
  hint?: string;
  value: string;
  onInput: (text: string) => void;
  warnings: Warning[];
  placeholder?: string;
  readOnly?: boolean;
  rows?: number;
}

const SHOWN = 5;

/** A field for class names, one per line. Words that the model has not learned are underlined. */
export function ClassEditor(props: ClassEditorProps) {
  const { label, hint, value, onInput, warnings, placeholder, readOnly = false, rows = 8 } = props;
  const id = useId();
  const backdrop = useRef<HTMLDivElement>(null);
  const unknown = new Set(warnings.flatMap((w) => (w.code === 'unknown_words' ? (w.words ?? []) : [])));
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <div class="class-editor">
        <div class="backdrop" ref={backdrop} aria-hidden="true">
          {markUnknown(value, unknown).map((piece) => (piece.unknown ? <mark>{piece.text}</mark> : piece.text))}
          {'\n'}
        </div>
        <textarea
          id={id}
          rows={rows}
          value={value}
          placeholder={placeholder}
          readOnly={readOnly}
          spellcheck={false}
          autocapitalize="off"
          aria-describedby={`${hint ? `${id}-hint ` : ''}${id}-warnings`}
          onInput={(event) => onInput(event.currentTarget.value)}
          onScroll={(event) => {
            if (backdrop.current) backdrop.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <ul class="warnings" id={`${id}-warnings`} aria-live="polite">
        {warnings.slice(0, SHOWN).map((w) => (
          <li key={w.message}>{w.message}</li>
        ))}
        {warnings.length > SHOWN && <li>and {warnings.length - SHOWN} more</li>}
      </ul>
    </div>
  );
}
