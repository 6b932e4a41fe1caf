import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDataDirectory } from '../../src/serving/data-directory.ts';
import { checkFormat, FORMAT } from '../../src/storage/format.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

const quiet = (notice: string) => assert.fail(notice);

describe('the format of a data directory', () => {
  it('is written at the first start, and is found at the next', async (t) => {
    const dir = await temporaryDirectory(t);
    assert.equal(await checkFormat(dir), undefined);
    await (await openDataDirectory(dir, quiet)).release();
    assert.equal(await checkFormat(dir), FORMAT);
    await (await openDataDirectory(dir, quiet)).release();
  });

  it('is refused where a newer program made it, and nothing is changed', async (t) => {
    const dir = await temporaryDirectory(t);
    const text = `{"version": ${FORMAT + 1}, "more": true}`;
    await writeFile(join(dir, 'format.json'), text);
    await assert.rejects(openDataDirectory(dir, quiet), (error: Error) => {
      assert.match(error.message, new RegExp(`has format ${FORMAT + 1} .*supports formats up to ${FORMAT}`));
      return error.message.includes(dir);
    });
    assert.deepEqual(await readdir(dir), ['format.json']);
    assert.equal(await readFile(join(dir, 'format.json'), 'utf8'), text);
  });

  it('is refused where it cannot be read', async (t) => {
    const dir = await temporaryDirectory(t);
    for (const text of ['', '{}', '[]', 'null', '{"version":"1"}', '{"version":0}']) {
      await writeFile(join(dir, 'format.json'), text);
      await assert.rejects(checkFormat(dir), /does not name the version/, text);
    }
  });
});
