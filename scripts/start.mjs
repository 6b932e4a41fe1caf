// `npm start`: builds when a source is newer than the build, and runs the service in this process.

import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const SOURCES = ['src', 'samples', 'scripts/bundle.mjs', 'scripts/kernels.mjs', 'package-lock.json'];
/** The last file that a build writes. */
const BUILT = 'dist/console/index.html';

/** Time of the newest change below a path. A removed file changes the time of its folder. */
function newest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const built = statSync(join(ROOT, BUILT), { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (Math.max(...SOURCES.map((path) => newest(join(ROOT, path)))) > built) {
  process.stderr.write('Building ...\n');
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}
process.argv.splice(2, 0, 'serve');
await import('../dist/cli/main.js');
