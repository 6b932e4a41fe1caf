import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface SecondClient {
  /** Resolves with the latencies by status that the client then measures. */
  ask(): Promise<Record<string, number[]>>;
}

/**
 * A client in a process of its own. It has started, and has sent its first requests, before this resolves, so that the work of a start is no part of
 * what it measures.
 */
export async function secondClient(
  url: string,
  { rate, seconds, tenant }: { rate: number; seconds: number; tenant?: string },
): Promise<SecondClient> {
  const file = fileURLToPath(import.meta.resolve('./probe-process.ts'));
  const args = ['--import', 'tsx', file, url, String(rate), String(seconds), ...(tenant === undefined ? [] : [tenant])];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the second client ended with code ${code}`);
  });
  // its end after an answer is no error
  ended.catch(() => {});
  await Promise.race([once(lines, 'line'), ended]);
  return {
    ask: async () => {
      const answer = once(lines, 'line');
      child.stdin.end();
      return JSON.parse((await Promise.race([answer, ended]))[0]);
    },
  };
}
