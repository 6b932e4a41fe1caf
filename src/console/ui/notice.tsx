import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/problem.ts';

/** Shows a problem with the service's text. */
export function ProblemNotice({ problem, children }: { problem: ApiError; children?: ComponentChildren }) {
  return (
    <div class="notice bad" role="alert">
      <strong>{problem.title}</strong>
      <p>{problem.message}</p>
      <FaultList problem={problem} />
      <p class="faint">
        <code>{problem.code}</code>
        {problem.status > 0 && ` · ${problem.status}`}
      </p>
      {children}
    </div>
  );
}

function FaultList({ problem }: { problem: ApiError }) {
  const errors = problem.fields['errors'] as { path?: string; message?: string }[] | undefined;
  if (!Array.isArray(errors) || errors.length < 2) return null;
  return (
    <ul>
      {errors.map(({ path, message }) => (
        <li key={`${path} ${message}`}>
          {message} {path && <code>{path}</code>}
        </li>
      ))}
    </ul>
  );
}
