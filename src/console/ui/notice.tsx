import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/problem.ts';
import { TECHNICAL } from '../api/words.ts';

/** Shows a problem with the service's text. */
export function ProblemNotice({ problem, children }: { problem: ApiError; children?: ComponentChildren }) {
  return (
    <div class="notice bad" role="alert">
      <strong>{problem.title}</strong>
      {problem.message !== '' && <p>{problem.message}</p>}
      <FaultList problem={problem} />
      <p class="faint">
        <code>{problem.code}</code>
      </p>
      {children}
    </div>
  );
}

function FaultList({ problem }: { problem: ApiError }) {
  const errors = problem.fields['errors'] as { path?: string; message?: string }[] | undefined;
  const plain = (Array.isArray(errors) ? errors : []).filter(({ message = '' }) => !TECHNICAL.test(message));
  if (plain.length < 2) return null;
  return (
    <ul>
      {plain.map(({ path, message }) => (
        <li key={`${path} ${message}`}>{message}</li>
      ))}
    </ul>
  );
}
