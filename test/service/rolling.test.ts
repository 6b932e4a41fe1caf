import assert from 'node:assert/strict';
import { it } from 'node:test';
import { photographsOrMade } from '../bench/load/pictures.ts';
import { from } from '../bench/service.ts';
import { rollingRestarts } from '../helpers/rolling.ts';

/** `npm run bench -- rolling` is the same with fifty restarts. */
it('no request fails during three restarts of three services behind a load balancer', async (t) => {
  const next = from(await photographsOrMade());
  const outcomes = await rollingRestarts(t, { restarts: 3, clients: 4, pauseMs: 100, next });
  assert.ok(outcomes.count() > 50, `${outcomes.count()} requests`);
  assert.deepEqual(Object.keys(outcomes.statuses), ['200'], JSON.stringify(outcomes.oddities));
});
