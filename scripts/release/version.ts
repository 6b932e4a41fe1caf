import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { released } from './changelog.ts';
import { git, quietly } from './run.ts';

/** The name under which the clone commits: that of the checkout, which a clone does not take over. */
function identity(root: string): string[] {
  return ['user.name', 'user.email'].flatMap((key) => {
    try {
      return ['-c', `${key}=${git(root, 'config', key)}`];
    } catch {
      return []; // git takes it from the environment, or says that it has none
    }
  });
}

/** Writes the version wherever it stands (`npm version`) and the section of the changelog, commits, tags, and returns the commit. */
export function raiseVersion(clone: string, root: string, version: string): string {
  quietly('npm', ['version', version, '--no-git-tag-version', '--ignore-scripts'], clone);
  // by itself: some machines let npm run no scripts that it was not asked for
  quietly('npm', ['run', 'version'], clone);
  const changelog = join(clone, 'CHANGELOG.md');
  writeFileSync(changelog, released(readFileSync(changelog, 'utf8'), version, new Date().toISOString().slice(0, 10)));
  const who = identity(root);
  quietly('git', [...who, 'commit', '--quiet', '--all', '--message', `Release ${version}`], clone);
  quietly('git', [...who, 'tag', '--annotate', `v${version}`, '--message', `clipn-gate ${version}`], clone);
  return git(clone, 'rev-parse', 'HEAD');
}
