import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { testApp } from '../helpers/app.ts';
import { documentAt } from '../helpers/documents.ts';
import { COMMAND } from '../helpers/paths.ts';
import { VERSION, versionPlaces } from '../helpers/version-places.ts';

describe('the version of package.json', () => {
  for (const { file, found } of versionPlaces())
    it(`the version of package.json is the one in ${file} (npm version writes it)`, () => {
      assert.ok(found.length > 0);
      assert.deepEqual(new Set(found), new Set([VERSION]));
    });

  it('clipn-gate --version prints the version of package.json', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, '--version']);
    assert.equal(stdout.trim(), VERSION);
  });

  it('the OpenAPI document has the version of package.json', async (t) => {
    const { app } = await testApp(t);
    assert.equal((app.swagger() as { info: { version: string } }).info.version, VERSION);
  });

  it('the newest release in the changelog has the version of package.json', () => {
    const [, newest] = /^## \[(\d[^\]]*)\]/m.exec(documentAt('CHANGELOG.md').text) ?? [];
    assert.equal(newest, VERSION);
  });
});
