import type { Signal } from '@preact/signals';
import type { TenantReply } from '../api/types.ts';
import { ClassEditor } from '../ui/class-editor.tsx';
import { ProblemNotice } from '../ui/notice.tsx';
import { DefinitionSettings } from './definition-settings.tsx';
import { DifferenceView } from './difference-view.tsx';
import { toForm } from './form.ts';
import { useDefinition } from './use-definition.ts';

interface DefinitionFormProps {
  tenant: TenantReply | undefined;
  onSaved: (tenant: TenantReply) => void;
  reload: () => Promise<void>;
}

/** The fields of a tenant's definition, with the button that saves them. */
export function DefinitionForm({ tenant, onSaved, reload }: DefinitionFormProps) {
  const state = useDefinition(tenant, onSaved);
  const { id, form, set, warnings, fault, readOnly, save } = state;
  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {!tenant && <NameField id={id} />}
      <ClassEditor
        label="Classes"
        hint="One per line. Put other names of the same class after bars: sofa | couch | settee"
        rows={12}
        value={form.classes}
        warnings={warnings.value}
        readOnly={readOnly}
        onInput={(classes) => set({ classes })}
      />
      <DefinitionSettings form={form} set={set} readOnly={readOnly} />
      {fault.value && <ProblemNotice problem={fault.value} />}
      {!readOnly && <SaveChanges tenant={tenant} state={state} reload={reload} />}
    </form>
  );
}

function NameField({ id }: { id: Signal<string> }) {
  return (
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
  );
}

interface SaveChangesProps {
  tenant: TenantReply | undefined;
  state: ReturnType<typeof useDefinition>;
  reload: () => Promise<void>;
}

/** The difference from the saved version, and the buttons that save or undo it. */
function SaveChanges({ tenant, state, reload }: SaveChangesProps) {
  const { changes, problem, saving, set, empty } = state;
  const unchanged = tenant !== undefined && changes.none && tenant.state !== 'cancelled';
  return (
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
        <button type="submit" class="primary" disabled={saving.value || empty || unchanged}>
          {tenant ? 'Save' : 'Create'}
        </button>
        {tenant && !changes.none && (
          <button type="button" onClick={() => set(toForm(tenant.definition))}>
            Undo my changes
          </button>
        )}
      </div>
    </>
  );
}
