/**
 * `npm run release -- X.Y.Z`: the one command that makes a release. All work is done in a clone of the current commit, so that nothing that
 * git does not know gets into it, and this checkout changes only after everything has succeeded: by a commit and a tag.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeArtifacts } from './artifacts.ts';
import { listed, withList } from './images.ts';
import { refusals } from './refusals.ts';
import { copyPackages, git, quietly } from './run.ts';
import { raiseVersion } from './version.ts';

const USAGE = `npm run release -- X.Y.Z [options]

  --dry-run       makes and checks everything, and changes nothing in this checkout
  --packages DIR  for a dry run: a node_modules that \`npm ci\` has made from the same lock file, instead of a new one
  --out DIR       where the files of the release go (release/X.Y.Z; a dry run without it keeps none)
  --images [LIST] builds the images, too, and records their digests (needs docker, podman or buildah): all, or some of service,models,gpu
  --sign KEY      signs the checksums with this SSH key (ssh-keygen -Y sign)
  --no-chart      leaves the chart out, for machines without helm`;

const ROOT = resolve(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({
  args: withList(process.argv.slice(2)),
  allowPositionals: true,
  options: {
    'dry-run': { type: 'boolean', default: false },
    packages: { type: 'string' },
    out: { type: 'string' },
    images: { type: 'string' },
    sign: { type: 'string' },
    'no-chart': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [version] = positionals;
const dryRun = values['dry-run'];
if (values.help || version === undefined || positionals.length > 1 || (values.packages && !dryRun)) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}
const images = listed(values.images);
const faults = refusals(ROOT, version, { chart: !values['no-chart'], images, sign: values.sign });
if (faults.length > 0) {
  for (const fault of faults) console.error(`No release: ${fault}`);
  process.exit(1);
}

const work = mkdtempSync(join(tmpdir(), 'clipn-release-'));
try {
  const out = resolve(values.out ?? (dryRun ? join(work, 'out') : join(ROOT, 'release', version)));
  const clone = join(work, 'clone');
  mkdirSync(out, { recursive: true });
  quietly('git', ['clone', '--quiet', ROOT, clone], work);
  if (values.packages) copyPackages(resolve(values.packages), join(clone, 'node_modules'));
  else quietly('npm', ['ci', '--no-audit', '--no-fund'], clone);
  const commit = raiseVersion(clone, ROOT, version);
  makeArtifacts({ clone, out, version, commit, chart: !values['no-chart'], images, sign: values.sign });
  if (dryRun) console.log(`Dry run: ${version} can be released${values.out ? `; its files are in ${out}` : ''}.`);
  else {
    git(ROOT, 'fetch', '--quiet', clone, `refs/tags/v${version}:refs/tags/v${version}`);
    git(ROOT, 'merge', '--quiet', '--ff-only', `v${version}`);
    console.log(`Released as commit and tag v${version}; the files are in ${out}. To publish:

  git push --follow-tags
  npm publish ${join(out, `clipn-gate-${version}.tgz`)}`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
