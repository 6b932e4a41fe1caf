import { useSignal } from '@preact/signals';
import { call, callJson } from '../api/client.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { pathOf } from '../api/tenants.ts';
import type { TenantReply } from '../api/types.ts';
import { go } from '../router.ts';
import { announce } from '../ui/copy.ts';
import { Dialog } from '../ui/dialog.tsx';
import { ProblemNotice } from '../ui/notice.tsx';

interface Props {
  tenant: TenantReply;
  onChanged: (tenant: TenantReply) => void;
}

/** Roll back and delete. Both ask for confirmation and change the shown version only. */
export function DangerousActions({ tenant, onChanged }: Props) {
  const open = useSignal<'rollback' | 'delete' | undefined>(undefined);
  const close = () => {
    open.value = undefined;
  };
  return (
    <div class="actions">
      {tenant.previous_version !== null && (
        <button
          type="button"
          onClick={() => {
            open.value = 'rollback';
          }}
        >
          Roll back to version {tenant.previous_version}
        </button>
      )}
      <button
        type="button"
        class="danger"
        onClick={() => {
          open.value = 'delete';
        }}
      >
        Delete …
      </button>
      {open.value === 'rollback' && <RollBack tenant={tenant} onChanged={onChanged} onClose={close} />}
      {open.value === 'delete' && <Delete tenant={tenant} onClose={close} />}
    </div>
  );
}

function RollBack({ tenant, onChanged, onClose }: Props & { onClose: () => void }) {
  const problem = useSignal<ApiError | undefined>(undefined);
  const rollBack = async () => {
    try {
      const headers = { 'if-match': tenant.etag, prefer: 'respond-async' };
      onChanged(await callJson<TenantReply>(`${pathOf(tenant.tenant)}/rollback`, { method: 'POST', headers }));
      announce(`${tenant.tenant} has the definition of version ${tenant.previous_version} again`);
      onClose();
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  return (
    <Dialog title={`Roll back ${tenant.tenant}?`} onClose={onClose}>
      <p>
        The definition of version {tenant.previous_version} is saved as version {tenant.version + 1}. Roll back again to
        return to version {tenant.version}.
      </p>
      {problem.value && <ProblemNotice problem={problem.value} />}
      <div class="actions dialog-actions">
        <button type="button" class="primary" onClick={rollBack}>
          Roll back
        </button>
        <button type="button" onClick={onClose}>
          Keep version {tenant.version}
        </button>
      </div>
    </Dialog>
  );
}

function Delete({ tenant, onClose }: { tenant: TenantReply; onClose: () => void }) {
  const typed = useSignal('');
  const problem = useSignal<ApiError | undefined>(undefined);
  const remove = async () => {
    try {
      await call(pathOf(tenant.tenant), { method: 'DELETE', headers: { 'if-match': tenant.etag } });
      announce(`${tenant.tenant} deleted`);
      go('tenants');
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  return (
    <Dialog title={`Delete ${tenant.tenant}?`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.value === tenant.tenant) void remove();
        }}
      >
        <p>From then on there are no verdicts about its classes. The definition is lost; there is no way back.</p>
        <div class="field">
          <label for="delete-name">
            Type <code>{tenant.tenant}</code> to confirm
          </label>
          <input
            id="delete-name"
            autocomplete="off"
            autocapitalize="off"
            value={typed.value}
            onInput={(event) => {
              typed.value = event.currentTarget.value;
            }}
          />
        </div>
        {problem.value && <ProblemNotice problem={problem.value} />}
        <div class="actions">
          <button type="submit" class="danger" disabled={typed.value !== tenant.tenant}>
            Delete permanently
          </button>
          <button type="button" onClick={onClose}>
            Keep it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
