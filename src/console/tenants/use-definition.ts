import { useSignal } from '@preact/signals';
import { callJson, json } from '../api/client.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { pathOf } from '../api/tenants.ts';
import type { TenantReply, Warning } from '../api/types.ts';
import { go } from '../router.ts';
import { announce } from '../ui/copy.ts';
import { useCheck } from '../ui/use-check.ts';
import { difference } from './diff.ts';
import { EMPTY, type Form, toDefinition, toForm } from './form.ts';

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

/** The state of the form: its fields, their difference from the saved version, the findings of the check, and saving. */
export function useDefinition(tenant: TenantReply | undefined, onSaved: (tenant: TenantReply) => void) {
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

  return {
    id,
    form,
    changes,
    set,
    warnings,
    fault,
    problem,
    saving,
    readOnly,
    save,
    empty: definition.classes.length === 0,
  };
}
