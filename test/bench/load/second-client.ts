import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface SecondClient {
  /** Resolves with the latencies by status that the client then measures. Rejects if it ends without an answer. */
  ask(): Promise<Record<string, number[]>>;
  /** Ends the client, if it has not ended yet. */
  end(): void;
}

const PROGRAM = fileURLToPath(import.meta.resolve('./probe-process.ts'));

/**
 * A client in a process of its own. It has started, and has sent its first requests, before this resolves, so that the work of a start is no part of
 * what it measures. Rejects if it ends before that.
 */
export async function secondClient(
  url: string,
  { rate, seconds, tenant }: { rate: number; seconds: number; tenant?: string },
  program = PROGRAM,
): Promise<SecondClient> {
  const last = tenant === undefined ? [] : [tenant];
  const args = ['--import', 'tsx', program, url, String(rate), String(seconds), ...last];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  // at `exit` its last line may not have been read yet; `close` comes after its output
  const ended = once(child, 'close').then(([code, signal]) => {
    throw new Error(`the second client ended early: ${signal ?? `code ${code}`}`);
  });
  // its end after an answer is no error
  ended.catch(() => {});
  // its end is reported by `close`, and not by a write that fails
  child.stdin.on('error', () => {});
  const next = async (): Promise<string> => (await Promise.race([once(lines, 'line'), ended]))[0];
  await next();
  return {
    ask: async () => {
      const answer = next();
      child.stdin.end();
      return JSON.parse(await answer);
    },
    end: () => void child.kill('SIGKILL'),
  };
}
