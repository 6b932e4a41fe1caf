import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '../../src/console/api/problem.ts';
import { TECHNICAL, wordsFor } from '../../src/console/api/words.ts';
import { CODES } from '../../src/errors/codes.ts';

describe('texts of the console', () => {
  it('no error of the service is shown in terms of HTTP, whatever its code', () => {
    const detail =
      'The field "classes" has no entry. Send PUT /v1/tenants/{tenant} with If-Match. The request body is longer than 1.5 MiB; see /openapi.json.';
    for (const [code, { status, title }] of Object.entries(CODES)) {
      const problem = new ApiError(status, { code, title, detail });
      assert.doesNotMatch(`${problem.title} ${problem.message}`, TECHNICAL, code);
      assert.notEqual(problem.title, '');
    }
    const none = new ApiError(418, {});
    assert.doesNotMatch(`${none.title} ${none.message} ${none.code}`, /418|\bstatus\b/);
  });

  it('sentences that help every user are unchanged', () => {
    const words = (detail: string) => wordsFor({ code: 'other', title: 'Title', detail }).text;
    assert.equal(
      words('A key has 40 characters, e.g. clipn_ab. Send it as a header.'),
      'A key has 40 characters, e.g. clipn_ab.',
    );
    assert.equal(words('This needs an API key: send Authorization: Bearer clipn_...'), 'This needs an API key.');
    assert.equal(words('There is no tenant "a"; PUT /v1/tenants/a creates it.'), 'There is no tenant "a".');
    assert.equal(words('The tenant zoo.v2 has 3 classes.'), 'The tenant zoo.v2 has 3 classes.');
    assert.equal(
      words('HEIC images are not supported; convert to JPEG.'),
      'HEIC images are not supported; convert to JPEG.',
    );
  });

  it('another try is offered for temporary errors, and not for faults of the request', () => {
    const offered = Object.entries(CODES)
      .filter(([code, { status }]) => new ApiError(status, { code }).retriable)
      .map(([code]) => code);
    assert.deepEqual(offered.sort(), [
      'deadline_exceeded',
      'engine_unavailable',
      'internal_error',
      'overloaded',
      'quota_exceeded',
      'rate_limited',
      'request_timeout',
      'shutting_down',
      'store_unavailable',
      'tenant_damaged',
    ]);
    assert.equal(new ApiError(409, { code: 'tenant_not_ready', retry_after: 1 }).retriable, true);
    assert.equal(new ApiError(0, { code: 'unreachable' }).retriable, true);
  });
});
