import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { BUNDLE, COMMAND, ROOT, TRAINED_BUNDLE } from './paths.ts';

export interface Service {
  url: string;
  /** Where the gate listens, when there is one. */
  gate: string | undefined;
  child: ChildProcess;
  /** Parsed log lines so far. */
  log: Record<string, unknown>[];
  /** The complete output so far, unchanged. */
  output(): string;
  /** Process id of the engine that is ready now. */
  enginePid(): number;
  /** Resolves with the exit code, null after a signal, once the output is complete. */
  exited: Promise<number | null>;
}

/** Settings of lanes as an installation has them: a lane for each core, and the batch that the engine measures. */
export const ALL_LANES = { CLIPN_LANES: '0', CLIPN_LANE_BATCH: '0' };

/** Benches start services, too, outside the test runner. */
const isTest = () => process.env['NODE_TEST_CONTEXT'] !== undefined;

/** A second lane, a session for runs on all cores and the measurement of batches are a fifth of the processor time of a start. */
const ONE_LANE = { CLIPN_LANES: '1', CLIPN_LANE_BATCH: '4' };

/**
 * The environment of a process under test: the caller's own settings stay out. Engines of tests have one lane; a test of work side by side or of an
 * installation asks for `ALL_LANES`. Benches run outside the test runner and measure the defaults.
 */
export function environment(settings: Record<string, string>): NodeJS.ProcessEnv {
  const rest = Object.entries(process.env).filter(
    ([name]) => !/^(CLIPN|OTEL)_/.test(name) && name !== 'NODE_TEST_CONTEXT',
  );
  // a machine whose cores are busy with other work takes minutes where an idle one takes seconds
  const patience = { CLIPN_ENGINE_START_TIMEOUT_MS: '5m', CLIPN_BUILD_WAIT_MS: '4m' };
  const inTests = isTest() ? { ...ONE_LANE, CLIPN_REQUEST_TIMEOUT_MS: '4m' } : {};
  return { ...Object.fromEntries(rest), ...patience, ...inTests, ...settings };
}

/** The real thing: the serve command in a process of its own, on a free port. Resolves when it says that it is ready. */
export async function startService(
  t: Pick<TestContext, 'after'>,
  dataDir: string,
  env: Record<string, string> = {},
  command: string[] = ['serve'],
  program = COMMAND,
): Promise<Service> {
  const child = spawn(process.execPath, [program, ...command], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment({
      CLIPN_BUNDLE: isTest() ? BUNDLE : TRAINED_BUNDLE,
      CLIPN_DATA_DIR: dataDir,
      CLIPN_PORT: '0',
      ...env,
    }),
  });
  const log: Record<string, unknown>[] = [];
  let errors = '';
  let output = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
    output += chunk;
  });
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  const exited = endOf(child);
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (String(entry['msg']).startsWith('ready: ')) resolve(String(entry['address']));
    });
    void exited.then((code) =>
      reject(new Error(`the service ended with ${code} before it was ready\n${errors}${JSON.stringify(log)}`)),
    );
  });
  const enginePid = () => Number(log.findLast((l) => l['msg'] === 'engine ready')?.['pid']);
  const gate = log.find((l) => l['msg'] === 'gate is listening')?.['address'] as string | undefined;
  return { url, gate, child, log, output: () => output, enginePid, exited };
}

/** An engine that is stalled keeps the output of its front open. */
const OUTPUT_MS = 5000;

/** The exit code of a process. Its last output may come after its exit, and is waited for. */
function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      const timer = setTimeout(() => resolve(code), OUTPUT_MS);
      child.once('close', () => {
        clearTimeout(timer);
        resolve(code);
      });
    });
  });
}

/** With an API key, where the service has some. */
export async function putTenant(url: string, id: string, definition: object, key?: string): Promise<Response> {
  return fetch(`${url}/v1/tenants/${id}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(definition),
  });
}

export async function tenantIds(url: string): Promise<string[]> {
  const { tenants } = (await (await fetch(`${url}/v1/tenants`)).json()) as { tenants: { tenant: string }[] };
  return tenants.map(({ tenant }) => tenant);
}

export function sendImage(url: string, bytes: Uint8Array, query = '', signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/v1/detect${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes as Uint8Array<ArrayBuffer>,
    ...(signal ? { signal } : {}),
  });
}

/** A machine whose cores are busy with other work is slow, and nothing else: only a condition that never holds is a failure. */
const PATIENCE_MS = 120_000;

/** Waits until `condition` holds; fails after `ms`, or the suite's patience where that is longer. */
export async function until(what: string, ms: number, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + Math.max(ms, PATIENCE_MS);
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${Math.max(ms, PATIENCE_MS)} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits for an engine after that with the process id `last`: it is in the log, and the service is ready. The log may come after readiness. */
export async function engineAfter({ url, enginePid }: Service, last: number): Promise<number> {
  await until('another engine is ready', 30_000, async () => enginePid() !== last && (await isReady(url)()));
  return enginePid();
}

export const isReady = (url: string) => () =>
  fetch(`${url}/readyz`).then(
    (r) => r.status === 200,
    () => false,
  );

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
