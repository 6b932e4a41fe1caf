import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type ApiError, asProblem } from '../api/problem.ts';
import { getTenant, listTenants } from '../api/tenants.ts';
import type { Method, TenantReply } from '../api/types.ts';
import { nameOf } from '../class-text.ts';
import { count } from '../format.ts';
import { linkTo, route } from '../router.ts';
import { ClassEditor } from '../ui/class-editor.tsx';
import { ProblemNotice } from '../ui/notice.tsx';
import { useCheck } from '../ui/use-check.ts';
import { METHOD_NAMES, METHODS } from './explain.ts';
import { isScratch, scratchId } from './scratch.ts';
import { method, mode, tenantId, typedClasses, typedText, warnings } from './subject.ts';

/** Selects the classes to compare with, and the rule. */
export function SubjectPanel() {
  return (
    <section class="panel" aria-label="Classes">
      <fieldset class="switch">
        <legend>Compare with</legend>
        {(['tenant', 'typed'] as const).map((m) => (
          <label key={m}>
            <input type="radio" name="subject" checked={mode.value === m} onChange={() => choose(m)} />
            <span>{m === 'tenant' ? 'A tenant' : 'My own class names'}</span>
          </label>
        ))}
      </fieldset>
      {mode.value === 'tenant' ? <TenantChoice /> : <TypedClasses />}
      <div class="field">
        <label for="rule">Rule that decides</label>
        <select
          id="rule"
          value={method.value ?? ''}
          onChange={(event) => {
            method.value = (event.currentTarget.value || undefined) as Method | undefined;
          }}
        >
          <option value="">the tenant's own</option>
          {METHODS.map((m) => (
            <option key={m} value={m}>
              {m.toUpperCase().replace('-RESCALED', ' rescaled')}: {METHOD_NAMES[m].replace(', rescaled', '')}
            </option>
          ))}
        </select>
      </div>
    </section>
  );
}

function choose(m: 'tenant' | 'typed'): void {
  mode.value = m;
}

function TypedClasses() {
  // as they are typed, also without a picture
  useCheck(scratchId(), { classes: typedClasses.value }, false, (found) => {
    if (found) warnings.value = found;
  });
  return (
    <ClassEditor
      label="Class names"
      hint="One per line, or separated by commas. Two or more work best."
      value={typedText.value}
      placeholder={'dog\ncat\nred car'}
      warnings={typedClasses.value.length === 0 ? [] : warnings.value}
      onInput={(text) => {
        typedText.value = text;
      }}
    />
  );
}

function TenantChoice() {
  const names = useSignal<string[] | undefined>(undefined);
  useEffect(() => {
    listTenants({ limit: 1000 }).then(
      ({ tenants, next }) => {
        // with more than one page of tenants, or with a key that may not list them, the user types the name
        names.value = next === null ? tenants.map((t) => t.tenant).filter((id) => !isScratch(id)) : undefined;
        // without `demo`; a tenant that the address names stays, and its error is shown
        const named = route.peek()[1] !== undefined;
        if (names.value?.length && !named && !names.value.includes(tenantId.value))
          tenantId.value = names.value[0] as string;
      },
      () => {},
    );
  }, []);
  return (
    <>
      <div class="field">
        <label for="tenant">Tenant</label>
        <p class="hint" id="tenant-hint">
          A tenant is a list of class names with a name of its own, kept by the service.{' '}
          <a href={linkTo('tenants')}>See the whole list</a>
        </p>
        {names.value ? (
          <select
            id="tenant"
            aria-describedby="tenant-hint"
            value={tenantId.value}
            onChange={(e) => setTenant(e.currentTarget.value)}
          >
            {[...new Set([tenantId.value, ...names.value])].sort().map((id) => (
              <option key={id}>{id}</option>
            ))}
          </select>
        ) : (
          <input
            id="tenant"
            aria-describedby="tenant-hint"
            value={tenantId.value}
            onChange={(e) => setTenant(e.currentTarget.value.trim())}
          />
        )}
      </div>
      <Classes key={tenantId.value} />
    </>
  );
}

function setTenant(id: string): void {
  if (id !== '') tenantId.value = id;
}

const SHOWN = 30;

function Classes() {
  const tenant = useSignal<TenantReply | undefined>(undefined);
  const problem = useSignal<ApiError | undefined>(undefined);
  useEffect(() => {
    getTenant(tenantId.peek()).then(
      (reply) => {
        tenant.value = reply;
      },
      (error: unknown) => {
        problem.value = asProblem(error);
      },
    );
  }, []);
  // a key for verdicts only may not read the tenant, which the page does not need
  if (problem.value && problem.value.status !== 403) return <ProblemNotice problem={problem.value} />;
  const classes = tenant.value?.definition.classes ?? [];
  return (
    <div class="classes">
      <p class="hint">{tenant.value ? count(classes.length, 'class', 'classes') : ' '}</p>
      <ul class="chips" aria-label="Classes of the tenant">
        {classes.slice(0, SHOWN).map((entry, i) => (
          <li key={`${i} ${nameOf(entry)}`}>{nameOf(entry)}</li>
        ))}
        {classes.length > SHOWN && <li class="faint">and {classes.length - SHOWN} more</li>}
      </ul>
    </div>
  );
}
