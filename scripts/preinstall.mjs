// Runs before the packages of clipn-gate run their install scripts, when it is installed by npm as a package.
//
// onnxruntime-node contains the runtime for CPUs. On Linux its install script also fetches the CUDA providers, some hundred
// megabytes, from another host, and the whole installation fails where that host cannot be reached. This script makes the
// download a choice: it happens when ONNXRUNTIME_NODE_INSTALL is set, for example to cuda12.

import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const GUARD = `// Written by the package clipn-gate: the providers for GPUs are fetched on request only.
if (process.env.ONNXRUNTIME_NODE_INSTALL) require('./install-providers.js');
`;

/** The folder of onnxruntime-node, undefined where it is not installed. */
function runtimeFolder() {
  const paths = createRequire(import.meta.url).resolve.paths('onnxruntime-node') ?? [];
  return paths.map((path) => join(path, 'onnxruntime-node')).find((path) => existsSync(join(path, 'package.json')));
}

const runtime = runtimeFolder();
const script = runtime && join(runtime, 'script/install.js');
const original = script && join(dirname(script), 'install-providers.js');
if (script && existsSync(script) && !existsSync(original)) {
  renameSync(script, original);
  writeFileSync(script, GUARD);
}
