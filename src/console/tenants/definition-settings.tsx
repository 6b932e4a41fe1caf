import type { Method } from '../api/types.ts';
import { METHOD_NAMES, methodsOf } from '../playground/explain.ts';
import type { Form } from './form.ts';

interface SettingsProps {
  form: Form;
  set: (fields: Partial<Form>) => void;
  readOnly: boolean;
}

interface FieldProps<N extends keyof Form> extends SettingsProps {
  name: N;
  label: string;
}

function Prompts({
  form,
  set,
  readOnly,
  name,
  label,
  hint,
}: FieldProps<'templates' | 'templatesNo'> & { hint: string }) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <textarea
        id={name}
        class="mono"
        rows={3}
        spellcheck={false}
        readOnly={readOnly}
        value={form[name]}
        aria-describedby={`${name}-hint`}
        onInput={(event) => set({ [name]: event.currentTarget.value })}
      />
      <p class="hint" id={`${name}-hint`}>
        {hint}
      </p>
    </div>
  );
}

function Limit({
  form,
  set,
  readOnly,
  name,
  label,
  step,
}: FieldProps<'imagesPerSecond' | 'concurrentImages'> & { step: string }) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <input
        id={name}
        type="number"
        min="0"
        step={step}
        readOnly={readOnly}
        placeholder="no limit"
        value={form[name]}
        onInput={(event) => set({ [name]: event.currentTarget.value })}
      />
    </div>
  );
}

/** Negative labels with the published values, or none; a rule that needs them goes with them. */
function withNegatives({ method }: Form, on: boolean): Partial<Form> {
  const possible = method === '' || method === 'calibrated' || methodsOf(undefined).includes(method);
  return on ? { negatives: {} } : { negatives: undefined, ...(possible ? {} : { method: '' }) };
}

/** The counting of words set or removed; false is the default, so that it is left out. */
function withLooksLike(negatives: Form['negatives'], on: boolean): Form['negatives'] {
  const { looks_like: _, ...others } = negatives ?? {};
  return on ? { ...others, looks_like: true } : others;
}

/** Whether images are compared with negative labels, and whether words of refused images are counted. */
function NegativeSettings({ form, set, readOnly }: SettingsProps) {
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          disabled={readOnly}
          checked={form.negatives !== undefined}
          onChange={(event) => set(withNegatives(form, event.currentTarget.checked))}
        />
        Compare with negative labels
      </label>
      {form.negatives && (
        <label class="check">
          <input
            type="checkbox"
            disabled={readOnly}
            checked={form.negatives.looks_like === true}
            onChange={(event) => set({ negatives: withLooksLike(form.negatives, event.currentTarget.checked) })}
          />
          Count what refused images look like
        </label>
      )}
    </>
  );
}

/** Rule, limits and prompts of a tenant. */
export function DefinitionSettings(props: SettingsProps) {
  const { form, set, readOnly } = props;
  return (
    <details open={form.templates !== '' || form.templatesNo !== '' || form.method !== ''}>
      <summary>Rule, negative labels, prompts, limits and review</summary>
      <div class="settings">
        <div class="field">
          <label for="method">Rule that decides</label>
          <select
            id="method"
            disabled={readOnly}
            value={form.method}
            onChange={(event) => set({ method: event.currentTarget.value as Method | '' })}
          >
            <option value="">the service's own</option>
            {methodsOf(form.negatives).map((m) => (
              <option key={m} value={m}>
                {m}: {METHOD_NAMES[m]}
              </option>
            ))}
            <option value="calibrated">calibrated: the calibration with your own images</option>
          </select>
        </div>
        <Limit {...props} name="imagesPerSecond" label="Images per second" step="any" />
        <Limit {...props} name="concurrentImages" label="Images at once" step="1" />
        <NegativeSettings {...props} />
        <label class="check">
          <input
            type="checkbox"
            disabled={readOnly}
            checked={form.capture !== undefined}
            onChange={(event) => set({ capture: event.currentTarget.checked ? {} : undefined })}
          />
          Keep images for review
        </label>
        <Prompts
          {...props}
          name="templates"
          label="Prompts"
          hint="One per line, with {} for the class name. Empty: the model's own."
        />
        <Prompts {...props} name="templatesNo" label="Prompts of the “no” encoder" hint="Empty: the same as above." />
      </div>
    </details>
  );
}
