import { signal } from '@preact/signals';
import type { ApiError } from './problem.ts';

const STORED = 'clipn-gate.key';

/** The API key, if the service requires one. It stays in this browser session. */
export const apiKey = signal(sessionStorage.getItem(STORED) ?? undefined);

/** Set while the page asks for a key. */
export const keyRequest = signal<
  { problem: ApiError | undefined; answer: (key: string | undefined) => void } | undefined
>();

/** Whether the service has asked for one since the page was opened. */
export const keyWanted = signal(apiKey.peek() !== undefined);

let asking: Promise<boolean> | undefined;
let declined = false;

function keep(key: string | undefined): void {
  if (key === undefined) sessionStorage.removeItem(STORED);
  else sessionStorage.setItem(STORED, key);
  apiKey.value = key;
}

export function forgetKey(): void {
  keep(undefined);
}

/** Asks once, however many requests need the answer. @returns whether there is a new key */
function ask(problem: ApiError | undefined): Promise<boolean> {
  asking ??= new Promise<boolean>((resolve) => {
    keyRequest.value = {
      problem,
      answer: (key) => {
        keyRequest.value = undefined;
        asking = undefined;
        declined = key === undefined;
        if (key !== undefined) keep(key);
        resolve(key !== undefined);
      },
    };
  });
  return asking;
}

/** Called after a 401. A user who declined is not asked again. @returns whether to repeat the request */
export async function anotherKey(sentWith: string | undefined, problem: ApiError): Promise<boolean> {
  keyWanted.value = true;
  if (sentWith !== apiKey.value) return true;
  return declined ? false : ask(problem);
}

export const askForKey = () => ask(undefined);
