import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { retryAfterMs, waitAfter } from '../../src/events/backoff.ts';
import { addressFault } from '../../src/events/destination.ts';
import { EventQueue } from '../../src/events/queue.ts';
import { keysOf, signatureOf } from '../../src/events/signature.ts';
import { AllowList } from '../../src/outgoing/allow-list.ts';

describe('parts of events', () => {
  it('the signature is that of the specification', () => {
    // the example of the reference libraries of Standard Webhooks
    const keys = keysOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const signature = signatureOf(keys, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}');
    assert.equal(signature, 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('a secret is refused without being quoted', () => {
    for (const text of [
      '',
      '\n',
      'whsec_',
      'secret',
      'whsec_c2hvcnQ=',
      `whsec_${Buffer.alloc(65).toString('base64')}`,
      'whsec_ä',
    ])
      assert.throws(() => keysOf(text), /^Error: is (empty|not whsec_ and 24 to 64 bytes in base64)$/);
  });

  it('the wait grows with failures, within bounds, and is never shorter than the receiver asks for', () => {
    assert.deepEqual(
      [1, 2, 3, 7, 8, 100].map((n) => waitAfter(n, 0, () => 1)),
      [1000, 2000, 4000, 60_000, 60_000, 60_000],
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.nat(2_000_000),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, asked, r) => {
          const wait = waitAfter(n, asked, () => r);
          assert.ok(wait >= Math.min(asked, 600_000) && wait >= 500 && wait <= 601_000);
        },
      ),
    );
    const now = Date.parse('2026-01-01T00:00:00Z');
    assert.deepEqual(
      ['7', ' 0 ', 'Thu, 01 Jan 2026 00:00:09 GMT', 'Wed, 31 Dec 2025 00:00:00 GMT', 'soon', undefined].map((v) =>
        retryAfterMs(v, now),
      ),
      [7000, 0, 9000, 0, undefined, undefined],
    );
  });

  it('addresses are refused with the reason', () => {
    const fault = (url: string, list = 'hooks.example, http://10.0.0.5:9000') => addressFault(url, new AllowList(list));
    assert.equal(fault('https://hooks.example/a?b=c'), undefined);
    assert.equal(fault('http://10.0.0.5:9000/'), undefined);
    assert.match(String(fault('https://hooks.example/', '')), /CLIPN_EVENT_URLS is not set/);
    assert.match(String(fault('https://10.0.0.5/', '10.0.0.6')), /not an address to which/);
    assert.match(String(fault('http://10.0.0.5/', 'http://10.0.0.5:80')), /^undefined$/);
    for (const url of ['ftp://hooks.example/', 'hooks.example', ''])
      assert.match(String(fault(url)), /must be an http/);
    assert.match(String(fault('https://user:secret@hooks.example/')), /must not contain a password/);
  });

  it('the queue is never larger than its bounds, counts every loss, and keeps the order of each tenant', () => {
    const action = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ add: fc.constantFrom('a', 'b', 'c'), size: fc.integer({ min: 1, max: 60 }) }),
      },
      fc.record({ take: fc.constantFrom('a', 'b', 'c'), release: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const queue = new EventQueue({ maxEvents: 8, maxBytes: 200 });
        const counts = { added: 0, taken: 0, dropped: 0 };
        const last: Record<string, number> = {};
        let held = 0;
        for (const [at, step] of actions.entries()) {
          if ('add' in step) {
            counts.added++;
            counts.dropped += queue.add(step.add, 'x'.repeat(step.size), at).length;
          } else {
            const items = queue.take(step.take, { maxEvents: 3, maxBytes: 70 });
            counts.taken += items.length;
            for (const item of items) {
              assert.ok(item.at > (last[step.take] ?? -1));
              last[step.take] = item.at;
            }
            if (step.release) queue.release(items);
            else held += items.length;
          }
          assert.ok(queue.events <= 8 && queue.bytes <= 200 && queue.bytes >= queue.events);
        }
        assert.equal(counts.added, counts.taken + counts.dropped + queue.events - held);
      }),
    );
  });
});
