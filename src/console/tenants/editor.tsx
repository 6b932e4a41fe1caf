import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type ApiError, asProblem } from '../api/problem.ts';
import { getTenant } from '../api/tenants.ts';
import type { TenantReply } from '../api/types.ts';
import { count, when } from '../format.ts';
import { linkTo } from '../router.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { BuildProgressView } from './build-progress.tsx';
import { DangerousActions } from './danger.tsx';
import { DefinitionForm } from './definition-form.tsx';
import { LooksLikeCounts } from './looks-like.tsx';
import { OWN_IMAGES, REVIEW } from './new-tenant.ts';
import { StateBadge } from './state-badge.tsx';

/** One tenant: its state, its definition, and the actions on it. Without an id, the form for a new tenant. */
export function Editor({ id }: { id: string | undefined }) {
  const { tenant, problem, load } = useTenant(id);
  const t = tenant.value;
  return (
    <section class="tenant" aria-labelledby="tenant-title">
      <a href={linkTo('tenants')}>← All tenants</a>
      <div class="title-row">
        <h2 id="tenant-title">{id ?? 'New tenant'}</h2>
        {t && <StateBadge tenant={t} />}
        {t && id !== undefined && <a href={linkTo('tenants', id, OWN_IMAGES)}>Calibrate with your own images</a>}
        {t && id !== undefined && <a href={linkTo('tenants', id, REVIEW)}>Review kept images</a>}
        {t && t.serving_version !== null && <a href={linkTo('playground', t.tenant)}>Try it in the playground</a>}
      </div>
      {t && <VersionLine tenant={t} />}
      {id === undefined && (
        <p class="hint">
          A tenant is a list of class names with a name of its own. A program that asks for a verdict names the tenant
          whose classes it means.
        </p>
      )}
      {problem.value && <ProblemNotice problem={problem.value} />}
      {t && <TenantNotices tenant={t} onBuilt={load} />}
      {(id === undefined || t) && (
        <DefinitionForm
          tenant={t}
          onSaved={(saved) => {
            tenant.value = saved;
          }}
          reload={load}
        />
      )}
      {t?.definition.negatives?.looks_like && t.serving_version !== null && (
        <LooksLikeCounts key={t.serving_version} tenant={t.tenant} />
      )}
      {t && !t.source && (
        <DangerousActions
          tenant={t}
          onChanged={(changed) => {
            tenant.value = changed;
          }}
        />
      )}
    </section>
  );
}

/** Loads the tenant, and again on request. Without an id there is nothing to load. */
function useTenant(id: string | undefined) {
  const tenant = useSignal<TenantReply | undefined>(undefined);
  const problem = useSignal<ApiError | undefined>(undefined);
  const load = async () => {
    if (id === undefined) return;
    try {
      tenant.value = await getTenant(id);
      problem.value = undefined;
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  useEffect(() => {
    void load();
  }, []);
  return { tenant, problem, load };
}

function VersionLine({ tenant: t }: { tenant: TenantReply }) {
  return (
    <p class="faint">
      version {t.version}
      {t.serving_version !== t.version && `, version ${t.serving_version ?? 'none'} serves`} ·{' '}
      {count(t.class_count, 'class', 'classes')} · changed {when(t.updated_at)}
    </p>
  );
}

/** The build in progress, and the notices about a cancelled build and a tenant of a file. */
function TenantNotices({ tenant: t, onBuilt }: { tenant: TenantReply; onBuilt: () => Promise<void> }) {
  return (
    <>
      {(t.state === 'building' || t.state === 'failed') && (
        <BuildProgressView key={t.version} tenant={t.tenant} onOver={onBuilt} />
      )}
      {t.state === 'cancelled' && (
        <p class="notice">
          The build was cancelled. Saving starts it again; rolling back returns to the previous version.
        </p>
      )}
      {t.source && (
        <p class="notice">
          This tenant comes from <code>{t.source}</code> in the watched directory and can be changed there only.
        </p>
      )}
    </>
  );
}
