import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BUNDLE, COMMAND, PYTHON, ROOT, skip, temporaryDirectory } from '../helpers/paths.ts';
import { environment } from '../helpers/service.ts';

const STRACE = ['/usr/bin/strace', '/bin/strace'].find((path) => existsSync(path));

/** Everything in a directory, however deep. */
const filesIn = (dir: string) => readdirSync(dir, { recursive: true });

describe('telemetry of ONNX Runtime', () => {
  it('the telemetry of ONNX Runtime is off in engine and text encoder: no file in the home directory, no name resolved', async (t) => {
    const home = await temporaryDirectory(t);
    const trace = join(await temporaryDirectory(t), 'trace');
    const command = [process.execPath, COMMAND, 'models', 'verify', BUNDLE];
    const traced = STRACE ? [STRACE, '-f', '-qq', '-e', 'trace=network,openat', '-o', trace, ...command] : command;
    const { HOME: _, XDG_CACHE_HOME: __, ORT_DISABLE_TELEMETRY: ___, ...env } = environment({});
    const result = spawnSync(traced[0] as string, traced.slice(1), {
      cwd: ROOT,
      env: { ...env, HOME: home },
      encoding: 'utf8',
    });
    assert.equal(result.status, 0, result.stderr);
    assert.deepEqual(filesIn(home), []);
    assert.ok(!`${result.stdout}${result.stderr}`.includes('\u001b['), 'a coloured line');
    if (!STRACE) return t.diagnostic('strace is not installed: sockets were not looked at');
    const calls = readFileSync(trace, 'utf8');
    assert.doesNotMatch(calls, /resolv\.conf|AF_INET/);
    assert.match(calls, /libonnxruntime/);
  });

  it('the telemetry of ONNX Runtime is off in the Python package', { skip: skip.python }, async (t) => {
    const home = await temporaryDirectory(t);
    const { HOME: _, ORT_DISABLE_TELEMETRY: __, ...env } = environment({});
    const program = `import clipn_models, onnxruntime as o, time; o.InferenceSession(${JSON.stringify(join(BUNDLE, 'image.onnx'))}); time.sleep(1)`;
    execFileSync(PYTHON as string, ['-c', program], {
      cwd: join(ROOT, 'models'),
      env: { ...env, HOME: home, PYTHONDONTWRITEBYTECODE: '1' },
    });
    assert.deepEqual(filesIn(home), []);
  });
});
