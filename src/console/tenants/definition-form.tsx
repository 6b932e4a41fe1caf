import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { callJson, json } from '../api/client.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { pathOf } from '../api/tenants.ts';
import type { Method, TenantDefinition, TenantReply, Warning } from '../api/types.ts';
import { METHOD_NAMES, METHODS } from '../playground/explain.ts';
import { go } from '../router.ts';
import { ClassEditor } from '../ui/class-editor.tsx';
import { announce } from '../ui/copy.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { difference } from './diff.ts';
import { DifferenceView } from './difference-view.tsx';
import { EMPTY, type Form, toDefinition, toForm } from './form.ts';

interface DefinitionFormProps {
  tenant: TenantReply | undefined;
  onSaved: (tenant: TenantReply) => void;
  reload: () => Promise<void>;
}

/** The changed fields, and the version that they belong to. */
interface FieldEdit {
  version: number | undefined;
  form: Form;
}

/**
 * The fields to show. An edit belongs to the version it was made on: when another version arrives, its definition and its number are shown in
 * one rendering. (An effect that copied the definition would run after the number is on the screen, and after the first key strokes.)
 */
function formOf(tenant: TenantReply | undefined, edit: FieldEdit | undefined): Form {
  if (edit && edit.version === tenant?.version) return edit.form;
  return tenant ? toForm(tenant.definition) : EMPTY;
}

/** Pause between the last key stroke and the check of the definition, in milliseconds. */
const TYPING_MS = 500;

export function DefinitionForm({ tenant, onSaved, reload }: DefinitionFormProps) {
  const id = useSignal(tenant?.tenant ?? '');
  const edit = useSignal<FieldEdit | undefined>(undefined);
  const warnings = useSignal<Warning[]>(tenant?.warnings ?? []);
  const fault = useSignal<ApiError | undefined>(undefined);
  const problem = useSignal<ApiError | undefined>(undefined);
  const saving = useSignal(false);
  const readOnly = tenant?.source !== undefined;
  const form = formOf(tenant, edit.value);
  const definition = toDefinition(form);
  const changes = difference(tenant?.definition, definition);
  const set = (fields: Partial<Form>) => {
    // the signal, not `form`: two events may come before the next rendering
    edit.value = { version: tenant?.version, form: { ...formOf(tenant, edit.value), ...fields } };
  };

  useCheck(id.value, definition, changes.none || readOnly, (found, wrong) => {
    warnings.value = found ?? tenant?.warnings ?? [];
    fault.value = wrong;
  });

  const save = async () => {
    saving.value = true;
    problem.value = undefined;
    const sent = edit.value;
    try {
      const condition: Record<string, string> = tenant ? { 'if-match': tenant.etag } : { 'if-none-match': '*' };
      const init = { method: 'PUT', ...json(definition, { prefer: 'respond-async', ...condition }) };
      const saved = await callJson<TenantReply>(pathOf(id.value), init);
      announce(`${id.value} saved as version ${saved.version}`);
      // text typed while the request was in progress is not in the saved version: it becomes an edit of that version
      if (edit.value && edit.value !== sent) edit.value = { version: saved.version, form: edit.value.form };
      if (tenant) onSaved(saved);
      else go('tenants', saved.tenant);
    } catch (error) {
      problem.value = asProblem(error);
    }
    saving.value = false;
  };

  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {!tenant && (
        <div class="field">
          <label for="tenant-id">Name</label>
          <input
            id="tenant-id"
            required
            value={id.value}
            autocapitalize="off"
            spellcheck={false}
            aria-describedby="tenant-id-hint"
            onInput={(event) => {
              id.value = event.currentTarget.value.trim();
            }}
          />
          <p class="hint" id="tenant-id-hint">
            Lower-case letters, digits, dots, hyphens and underscores.
          </p>
        </div>
      )}
      <ClassEditor
        label="Classes"
        hint="One per line. Put other names of the same class after bars: sofa | couch | settee"
        rows={12}
        value={form.classes}
        warnings={warnings.value}
        readOnly={readOnly}
        onInput={(classes) => set({ classes })}
      />
      <Settings form={form} set={set} readOnly={readOnly} />
      {fault.value && <ProblemNotice problem={fault.value} />}
      {!readOnly && (
        <>
          {tenant && <DifferenceView difference={changes} version={tenant.version} />}
          {problem.value && (
            <ProblemNotice problem={problem.value}>
              {problem.value.code === 'precondition_failed' && tenant && (
                <button type="button" onClick={() => void reload()}>
                  Load the current definition
                </button>
              )}
            </ProblemNotice>
          )}
          <div class="actions">
            <button
              type="submit"
              class="primary"
              disabled={saving.value || definition.classes.length === 0 || mayNotSave()}
            >
              {tenant ? 'Save' : 'Create'}
            </button>
            {tenant && !changes.none && (
              <button type="button" onClick={() => set(toForm(tenant.definition))}>
                Undo my changes
              </button>
            )}
          </div>
        </>
      )}
    </form>
  );

  function mayNotSave(): boolean {
    return tenant !== undefined && changes.none && tenant.state !== 'cancelled';
  }
}

/** Lets the service check the definition, shortly after each change. */
function useCheck(
  id: string,
  definition: TenantDefinition,
  off: boolean,
  onChecked: (warnings: Warning[] | undefined, fault: ApiError | undefined) => void,
): void {
  const text = JSON.stringify(definition);
  useEffect(() => {
    if (off || definition.classes.length === 0 || id === '') {
      onChecked(undefined, undefined);
      return;
    }
    const over = new AbortController();
    const timer = setTimeout(() => {
      callJson<{ warnings: Warning[] }>(`${pathOf(id)}/check`, {
        method: 'POST',
        ...json(definition),
        signal: over.signal,
      }).then(
        (reply) => onChecked(reply.warnings, undefined),
        (error: unknown) => {
          // other errors are shown when the definition is saved
          if (!over.signal.aborted && asProblem(error).code === 'invalid_request') onChecked([], asProblem(error));
        },
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      over.abort();
    };
  }, [text, id, off]);
}

interface SettingsProps {
  form: Form;
  set: (fields: Partial<Form>) => void;
  readOnly: boolean;
}

function Settings({ form, set, readOnly }: SettingsProps) {
  const text = (name: 'templates' | 'templatesNo', label: string, hint: string) => (
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
  const limit = (name: 'imagesPerSecond' | 'concurrentImages', label: string, step: string) => (
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
  return (
    <details open={form.templates !== '' || form.templatesNo !== '' || form.method !== ''}>
      <summary>Rule, prompts and limits</summary>
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
            {METHODS.map((m) => (
              <option key={m} value={m}>
                {m}: {METHOD_NAMES[m]}
              </option>
            ))}
          </select>
        </div>
        {limit('imagesPerSecond', 'Images per second', 'any')}
        {limit('concurrentImages', 'Images at once', '1')}
        {text('templates', 'Prompts', "One per line, with {} for the class name. Empty: the model's own.")}
        {text('templatesNo', 'Prompts of the “no” encoder', 'Empty: the same as above.')}
      </div>
    </details>
  );
}
