import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unreleased } from './changelog.ts';
import { unknownImages } from './images.ts';
import { git, programAt } from './run.ts';

const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*)?$/;

/** Why no image can be built here, in the words of the script that builds them; undefined where one can. */
function noBuilder(root: string): string | undefined {
  const { status, stderr, error } = spawnSync(join(root, 'docker/image.sh'), ['--builder'], { encoding: 'utf8' });
  return status === 0 ? undefined : `--images: ${error?.message ?? stderr.trim()}`;
}

/** Whether `next` is newer than `current` by its three numbers, or the release of a pre-release. */
export function isNewer(next: string, current: string): boolean {
  const [a, b] = [VERSION.exec(next), VERSION.exec(current)];
  if (!a || !b) return false;
  const at = [1, 2, 3].find((i) => a[i] !== b[i]);
  return at === undefined ? current.includes('-') && next !== current : Number(a[at]) > Number(b[at]);
}

/** Each reason why this version must not be released from this checkout, as a sentence; none where it may. */
export function refusals(
  root: string,
  version: string,
  wanted: { chart: boolean; images: readonly string[]; sign: string | undefined },
): string[] {
  const { version: current } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const changed = git(root, 'status', '--porcelain').split('\n').filter(Boolean);
  const faults = [
    !VERSION.test(version) && `"${version}" is no version; write X.Y.Z without a v.`,
    VERSION.test(version) &&
      !isNewer(version, current) &&
      `${version} is not newer than ${current}, the version of package.json.`,
    changed.length > 0 &&
      `${changed.length} file(s) differ from the last commit, as ${changed[0]?.slice(3)}. Commit or remove them; git status lists them.`,
    git(root, 'tag', '--list', `v${version}`) !== '' && `the tag v${version} exists.`,
    unreleased(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')) === '' &&
      'CHANGELOG.md has nothing under [Unreleased].',
    wanted.chart &&
      !programAt('helm') &&
      'helm is missing (.ci/tools installs it, CLIPN_TOOLS names its folder); --no-chart leaves the chart out.',
    ...unknownImages(wanted.images),
    wanted.images.length > 0 && noBuilder(root),
    wanted.sign !== undefined && !existsSync(wanted.sign) && 'the key that --sign names does not exist.',
    wanted.sign !== undefined && !programAt('ssh-keygen') && '--sign needs ssh-keygen.',
  ];
  return faults.filter((fault) => typeof fault === 'string');
}
