import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, loadConfig } from '../../src/config/index.ts';
import { findDevices } from '../../src/engine/front/find-devices.ts';
import { deviceOf, executionProviders, explain, parseDevices } from '../../src/engine/shared/devices.ts';
import { BUNDLE } from '../helpers/paths.ts';

describe('devices', () => {
  it('devices are named one by one or several together', () => {
    assert.deepEqual(
      parseDevices('cpu,cuda,cuda:1,tensorrt:0,webgpu')?.map((d) => d.name),
      ['cpu', 'cuda:0', 'cuda:1', 'tensorrt:0', 'webgpu:0'],
    );
    assert.equal(parseDevices('auto'), undefined);
    for (const device of ['auto', 'cpu', 'cpu,cpu', 'cuda:3,cpu', 'tensorrt', 'webgpu', 'webgpu:0'])
      assert.equal(loadConfig({ CLIPN_DEVICE: device }).device, device);
    for (const device of ['gpu', 'cpu:1', 'auto,cpu', 'cuda:', 'cpu,', 'webgpu:1', 'cuda 0'])
      assert.throws(() => loadConfig({ CLIPN_DEVICE: device }), ConfigError, device);
  });

  it("a device's name becomes the runtime's execution provider", () => {
    assert.deepEqual(executionProviders(deviceOf('cpu')), ['cpu']);
    assert.deepEqual(executionProviders(deviceOf('cuda:2')), [{ name: 'cuda', deviceId: 2 }]);
    assert.deepEqual(executionProviders(deviceOf('tensorrt:1')), [
      { name: 'tensorrt', deviceId: 1 },
      { name: 'cuda', deviceId: 1 },
    ]);
    assert.deepEqual(executionProviders(deviceOf('webgpu')), ['webgpu']);
  });

  it('the error for a device that does not work says what is missing', () => {
    const missing = new Error('OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library');
    assert.match(explain(deviceOf('cuda'), missing), /Failed to load .*provider library is not installed.*cuDNN 9/);
    const adapter = new Error('Failed to get a WebGPU adapter: No supported adapters\n');
    assert.match(explain(deviceOf('webgpu'), adapter), /libvulkan/);
    assert.equal(
      explain(deviceOf('cuda'), new Error('CUDA failure 2: out of memory')),
      'CUDA failure 2: out of memory',
    );
  });

  it('the device auto takes the first that works and logs why those before it do not', async () => {
    const { devices, passedOver } = await findDevices('auto', { bundleDir: BUNDLE, threads: 1, timeoutMs: 60_000 });
    assert.equal(devices.length, 1);
    const order = [...passedOver.map((p) => p.device), devices[0]];
    assert.deepEqual(order, ['cuda:0', 'webgpu:0', 'cpu'].slice(0, order.length));
    for (const { why } of passedOver) assert.ok(why.length > 10, why);
  });
});
