import { realpath } from 'node:fs/promises';
import { offered } from '../../bundle/precision.ts';
import { bundlePath, type Config, MODELS } from '../../config/index.ts';
import { bundleFolders, type FoundBundle, inspect } from './inventory.ts';
import { describeInfo, describeList } from './output.ts';
import { type Verification, verifyBundle } from './verify.ts';

export interface ModelsArguments {
  /** A name under models/ or a path. */
  bundle?: string;
  json?: boolean;
}

const print = (text: string) => process.stdout.write(`${text}\n`);

const real = (dir: string) => realpath(dir).catch(() => dir);

function summary({ name, dir, manifest, bytes, faults }: FoundBundle) {
  const whole = faults.length === 0;
  return {
    name,
    version: manifest?.version ?? null,
    dir,
    bytes,
    whole,
    precisions: whole && manifest ? offered(manifest) : [],
    faults,
  };
}

/** `clipn-gate models list`: the bundles under models/ and the configured one, with checksums checked. Exit status 0. */
export async function listModels({ json }: ModelsArguments, config: Config): Promise<number> {
  const folders = await bundleFolders(MODELS, config.bundle);
  const bundles: FoundBundle[] = [];
  for (const dir of folders) bundles.push(await inspect(dir));
  if (json) print(JSON.stringify(bundles.map(summary), null, 2));
  else print(describeList(bundles, await real(config.bundle)));
  return 0;
}

function verdict(name: string, dir: string, { faults, proofs }: Verification): string {
  const proved = proofs.map(
    (p) =>
      `features within ${p.feature_difference.toExponential(1)}, probabilities within ${p.probability_difference.toExponential(1)} of PyTorch's in ${p.precision} on ${p.device}`,
  );
  if (faults.length === 0)
    return [`${name}: complete, graphs as specified`, ...proved.map((line) => `  ${line}`)].join('\n');
  return [`${name}: NOT usable (${dir})`, ...faults.map((f) => `  - ${f}`), ...proved.map((line) => `  ${line}`)].join(
    '\n',
  );
}

/** `clipn-gate models verify`: checks one bundle or all on this machine. Exit status 1 when any is not usable. */
export async function verifyModels({ bundle, json }: ModelsArguments, config: Config): Promise<number> {
  const folders = bundle === undefined ? await bundleFolders(MODELS, config.bundle) : [bundlePath(bundle)];
  const results: object[] = [];
  let failed = false;
  for (const dir of folders) {
    const found = await inspect(dir);
    const verification =
      found.faults.length > 0 ? { faults: found.faults, proofs: [] } : await verifyBundle(dir, config);
    failed ||= verification.faults.length > 0;
    if (json) results.push({ ...summary(found), usable: verification.faults.length === 0, ...verification });
    else print(verdict(`${found.name} ${found.manifest?.version ?? ''}`.trim(), found.dir, verification));
  }
  if (json) print(JSON.stringify(results, null, 2));
  return failed ? 1 : 0;
}

/** `clipn-gate models info`: prints a bundle's manifest. Exit status 1 for a damaged one. */
export async function modelInfo({ bundle, json }: ModelsArguments, config: Config): Promise<number> {
  const found = await inspect(bundle === undefined ? config.bundle : bundlePath(bundle));
  if (json) print(JSON.stringify({ ...summary(found), manifest: found.manifest ?? null }, null, 2));
  else print(describeInfo(found));
  return found.faults.length > 0 ? 1 : 0;
}
