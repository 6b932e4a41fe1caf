import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Random weights, for tests whose verdicts need not make sense: a start takes half the processor time (models/tests/make_quick_fixture.py). */
export const BUNDLE = process.env['CLIPN_TEST_BUNDLE'] ?? join(ROOT, 'test/fixtures/quick');

/** A small trained model, for tests whose verdicts must make sense or whose runs must take time, and for benches. */
export const TRAINED_BUNDLE = process.env['CLIPN_TEST_BUNDLE'] ?? join(ROOT, 'test/fixtures/clipn-tiny');

/** The embedded default: what benchmarks measure and screenshots show. CLIPN_TEST_BUNDLE names another bundle in place of all three. */
export const DEFAULT_BUNDLE = process.env['CLIPN_TEST_BUNDLE'] ?? join(ROOT, 'models/clipn-small');

/** A bundle of random weights with WordPiece and shared text weights (models/tests/small_bert.py). */
export const SMALL_BERT = join(ROOT, 'test/fixtures/small-bert');
/** A Vision Transformer with random weights whose image graph gives features of patches. */
export const PATCHES = join(ROOT, 'test/fixtures/patches');

/** The program that real processes run: the build, as for users. `npm test` makes it first. */
export const COMMAND = join(ROOT, 'dist/cli/main.js');

/** Real photographs, where they are: beside the checkout. */
const PHOTOS = join(ROOT, '../shared/photos');

export const photographs: string[] = existsSync(PHOTOS)
  ? readdirSync(PHOTOS, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.jpg'))
      .sort()
      .map((name) => join(PHOTOS, name))
  : [];

/** Inputs that failed once, each with what must hold, where they are: beside the checkout. */
export const CASES = join(ROOT, '../shared/cases');

/** Python with the packages of models/, for tests against the reference. */
export const PYTHON = process.env['CLIPN_PYTHON'];

export const skip = {
  photographs: photographs.length > 0 ? false : 'needs the photographs of ../shared/photos, which are not here',
  cases: existsSync(CASES) ? false : 'needs the inputs of ../shared/cases, which are not here',
  python: PYTHON ? false : 'needs CLIPN_PYTHON, a Python with the packages of models/',
  both:
    photographs.length > 0 && PYTHON
      ? false
      : 'needs the photographs of ../shared/photos and CLIPN_PYTHON, a Python with the packages of models/',
};

/** A directory that is removed after the test. */
export async function temporaryDirectory(t: Pick<TestContext, 'after'>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'clipn-gate-test-'));
  // a process that is still ending may write into it; without repetitions an error here would keep all later parts of the test from being closed
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 }));
  return dir;
}
