import { useEffect } from 'preact/hooks';
import { callJson, json } from '../api/client.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { pathOf } from '../api/tenants.ts';
import type { TenantDefinition, Warning } from '../api/types.ts';

/** Pause between the last key stroke and the check of the definition, in milliseconds. */
const TYPING_MS = 500;

/** Lets the service check the definition, shortly after each change. */
export function useCheck(
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
