// Compiles the kernels, which are written in AssemblyScript, to WebAssembly files below dist/.

import { dirname, join } from 'node:path';
import asc from 'assemblyscript/asc';

const ROOT = join(import.meta.dirname, '..');
/** The source of each kernel below src/, and its file below dist/. */
const KERNELS = {
  'images/kernel/resample.ts': 'images/resample.wasm',
  'words/kernel/gather.ts': 'words/gather.wasm',
};

for (const [source, out] of Object.entries(KERNELS)) {
  const { error, stderr } = await asc.main(
    [`src/${source}`, '--outFile', `dist/${out}`, '--enable', 'simd', '--runtime', 'stub', '-O3', '--noAssert', '--baseDir', ROOT],
  );
  if (!error) continue;
  process.stderr.write(`${dirname(source)}: ${error.message}\n${stderr.toString()}`);
  process.exit(1);
}
