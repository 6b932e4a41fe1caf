import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceRate } from '../../src/engine/front/admission/service-rate.ts';

const near = (value: number, expected: number) =>
  assert.ok(Math.abs(value / expected - 1) < 0.02, `${value}, expected ${expected}`);

describe('service rate', () => {
  it('the service rate of single requests counts the time inside, not the time between', () => {
    const rate = new ServiceRate();
    for (let at = 0; at < 10_000; at += 1000) {
      rate.entered(at);
      rate.left(at + 8, true);
    }
    near(rate.msPerImage, 8);
  });

  it('the service rate of batches divides the time of a batch by its images, from the first one on', () => {
    for (const batchMs of [30, 200, 4000]) {
      const rate = new ServiceRate();
      for (let i = 0; i < 48; i++) rate.entered(0);
      for (let batch = 1; batch <= 40; batch++) {
        for (let i = 0; i < 16; i++) {
          rate.entered(batch * batchMs);
          rate.left(batch * batchMs + i / 8, true);
          if (rate.msPerImage > 0) near(rate.msPerImage, batchMs / 16);
        }
      }
      near(rate.msPerImage, batchMs / 16);
    }
  });

  it('the service rate follows a machine that becomes slower within seconds of work', () => {
    const rate = new ServiceRate();
    rate.entered(0);
    let now = 0;
    const work = (ms: number, until: number) => {
      for (; now < until; now += ms) {
        rate.entered(now);
        rate.left(now + ms, true);
      }
    };
    work(5, 10_000);
    near(rate.msPerImage, 5);
    work(20, 25_000);
    near(rate.msPerImage, 20);
  });

  it('requests that were aborted or lost do not count in the service rate', () => {
    const rate = new ServiceRate();
    for (let i = 0; i < 5; i++) rate.entered(0);
    for (let i = 0; i < 5; i++) rate.left(1, false);
    assert.equal(rate.msPerImage, 0);
  });
});
