import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Shared } from '../src/shared-work.ts';

describe('shared work', () => {
  it('runs once for all callers, reports the progress to a late one, and is cancelled when the last one leaves', async () => {
    const log: string[] = [];
    let finish = () => {};
    const shared = new Shared(async ({ signal, onProgress }) => {
      log.push('begin');
      onProgress(1, 2);
      await new Promise<void>((resolve, reject) => {
        finish = resolve;
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    });
    const seen: number[][] = [];
    const onProgress = (done: number, total: number) => void seen.push([done, total]);
    const [first, second] = [new AbortController(), new AbortController()];
    const one = shared.join({ signal: first.signal });
    const two = shared.join({ signal: second.signal, onProgress });
    assert.deepEqual([log, seen], [['begin'], [[1, 2]]]);
    first.abort(new Error('left'));
    await assert.rejects(one, /left/);
    finish();
    await two;
    const third = new AbortController();
    const alone = shared.join({ signal: third.signal });
    third.abort(new Error('left too'));
    await assert.rejects(alone, /left too/);
    assert.deepEqual(log, ['begin', 'begin']);
    const again = shared.join({});
    finish();
    await again;
    assert.deepEqual(log, ['begin', 'begin', 'begin']);
  });

  it('all callers get one result, and the next caller begins again, also after a failure', async () => {
    let asked = 0;
    const ask = new Shared(async () => ++asked);
    assert.deepEqual(await Promise.all([ask.join(), ask.join()]), [1, 1]);
    assert.equal(await ask.join(), 2);
    const refused = new Shared(() => Promise.reject(new Error(String(++asked))));
    await assert.rejects(Promise.all([refused.join(), refused.join()]), { message: '3' });
    await assert.rejects(refused.join(), { message: '4' }, 'a failure is not kept');
  });
});
