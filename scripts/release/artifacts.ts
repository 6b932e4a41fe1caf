import { copyFileSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sectionOf } from './changelog.ts';
import { writeChecksums } from './checksums.ts';
import { buildImages } from './images.ts';
import { programAt, quietly } from './run.ts';
import { billOfMaterials } from './sbom.ts';

export interface Wanted {
  /** Checkout of the release's commit, with node_modules. */
  clone: string;
  /** Existing folder for the files. */
  out: string;
  version: string;
  commit: string;
  chart: boolean;
  /** Names of the images to build. */
  images: readonly string[];
  /** SSH key that signs the checksums. */
  sign: string | undefined;
}

/** The chart as one file. Helm's name for it is that of the npm package, and one release must not have two files of one name. */
function packChart({ clone, out, version }: Wanted): void {
  const scratch = join(clone, '..');
  quietly(programAt('helm') ?? 'helm', ['package', join(clone, 'helm/clipn-gate'), '--destination', scratch], clone);
  const made = join(scratch, `clipn-gate-${version}.tgz`);
  copyFileSync(made, join(out, `clipn-gate-chart-${version}.tgz`));
}

/** Builds, tests and writes all files of a release, with checksums over all of them. */
export function makeArtifacts(wanted: Wanted): void {
  const { clone, out, version, commit } = wanted;
  quietly('npm', ['run', '--silent', 'build'], clone);
  // packs, installs the package in an empty folder and uses it; keeps the package and the API's description
  process.stdout.write(quietly('.ci/package', [out], clone));
  renameSync(join(out, 'openapi.json'), join(out, `clipn-gate-${version}.openapi.json`));
  if (wanted.chart) packChart(wanted);
  writeFileSync(join(out, `clipn-gate-${version}.cdx.json`), billOfMaterials(clone, commit));
  if (wanted.images.length > 0) writeFileSync(join(out, 'IMAGES'), buildImages(clone, wanted.images));
  writeFileSync(join(out, 'CHANGES.md'), `${sectionOf(readFileSync(join(clone, 'CHANGELOG.md'), 'utf8'), version)}\n`);
  writeChecksums(out, wanted.sign);
  for (const name of readdirSync(out).sort())
    console.log(`${(statSync(join(out, name)).size / 1e6).toFixed(2).padStart(8)} MB  ${name}`);
}
