import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { HEAP_FLAG } from '../../src/cli/serve/heap.ts';

// V8 ignores a flag that it does not know. The effect depends on the machine and is measured: docs/benchmarks.md, "Why refusals wait"
it("V8 knows the flag with which the front's heap grows further between marks", () => {
  const [name] = HEAP_FLAG.split('=');
  const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  assert.ok(options.includes(`  ${name} (`), name);
});
