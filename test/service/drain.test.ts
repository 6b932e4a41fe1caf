import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { describe, it } from 'node:test';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { isReady, sendImage, startService, until } from '../helpers/service.ts';

/** The status and whether the answer asks for the connection to be closed. */
function get(url: string, agent: Agent): Promise<{ status: number | undefined; close: boolean }> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { agent }, (response) => {
      response.resume();
      response.on('end', () =>
        resolve({ status: response.statusCode, close: response.headers.connection === 'close' }),
      );
    })
      .on('error', reject)
      .end();
  });
}

describe('drain', () => {
  it('a drain ends the service after its delay, and not before', async (t) => {
    const { child, exited } = await startService(t, await temporaryDirectory(t), { CLIPN_DRAIN_DELAY_MS: '1500' });
    const began = performance.now();
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
    assert.ok(performance.now() - began >= 1500);
  });

  it('a drain makes the service unready first, still answering and closing connections; a second signal skips the delay', async (t) => {
    const { url, child, exited } = await startService(t, await temporaryDirectory(t), {
      CLIPN_DRAIN_DELAY_MS: '60s',
      CLIPN_SHUTDOWN_GRACE_MS: '60s',
    });
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const image = await waves(64, 64, 3).png().toBuffer();
    assert.deepEqual(await get(`${url}/livez`, agent), { status: 200, close: false });
    child.kill('SIGTERM');
    await until('not ready', 5000, async () => !(await isReady(url)()));
    assert.equal((await sendImage(url, image)).status, 200, 'balancers that have not noticed are still answered');
    assert.deepEqual(await get(`${url}/livez`, agent), { status: 200, close: true });
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
  });

  it('an incomplete request delays the shutdown neither beyond the grace time nor beyond a second signal', async (t) => {
    for (const [grace, signals] of [
      ['1500', 1],
      ['60s', 2],
    ] as const) {
      const { url, child, exited } = await startService(t, await temporaryDirectory(t), {
        CLIPN_SHUTDOWN_GRACE_MS: grace,
      });
      const stuck = httpRequest(`${url}/v1/detect`, {
        method: 'POST',
        headers: { 'content-type': 'image/png', 'content-length': 1000, expect: '100-continue' },
      });
      stuck.on('error', () => {});
      // the service has read the head and waits for the body
      await once(stuck, 'continue');
      stuck.write('half');
      for (let i = 0; i < signals; i++) {
        child.kill('SIGTERM');
        await until('not ready', 5000, async () => !(await isReady(url)()));
      }
      const code = await exited;
      assert.equal(code, signals === 1 ? 1 : 0, 'ended by the time-out, or by the second signal');
      stuck.destroy();
    }
  });
});
