import { useSignal } from '@preact/signals';
import type { keyRequest } from './api/key.ts';
import { Dialog } from './ui/dialog.tsx';

export function KeyDialog({ request }: { request: NonNullable<(typeof keyRequest)['value']> }) {
  const key = useSignal('');
  return (
    <Dialog title="API key" onClose={() => request.answer(undefined)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (key.value.trim() !== '') request.answer(key.value.trim());
        }}
      >
        {request.problem && (
          <p class="notice bad" role="alert">
            {request.problem.message}
          </p>
        )}
        <div class="field">
          <label for="api-key">Key</label>
          <input
            id="api-key"
            type="password"
            autocomplete="off"
            spellcheck={false}
            placeholder="clipn_…"
            value={key.value}
            onInput={(event) => {
              key.value = event.currentTarget.value;
            }}
          />
          <p class="hint">It stays in this browser session and is sent to this service only.</p>
        </div>
        <div class="actions">
          <button type="submit" class="primary">
            Use this key
          </button>
          <button type="button" onClick={() => request.answer(undefined)}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
