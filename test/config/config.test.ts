import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigError, describeConfig, loadConfig } from '../../src/config/index.ts';

const faults = (env: NodeJS.ProcessEnv, flags?: Record<string, string>) => {
  try {
    loadConfig(env, flags);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
  return [];
};

describe('configuration', () => {
  it("every setting has a default, and the bundle's does not depend on the working directory", () => {
    const config = loadConfig({});
    assert.equal(config.port, 8080);
    assert.equal(config.host, '127.0.0.1');
    assert.equal(config.bundle, resolve(import.meta.dirname, '../../models/clipn-small'));
    assert.ok(Object.isFrozen(config));
  });

  it('flags precede variables, which precede defaults; an empty variable counts as not set', () => {
    assert.equal(loadConfig({ CLIPN_PORT: '9000' }).port, 9000);
    assert.equal(loadConfig({ CLIPN_PORT: '9000' }, { port: '9001' }).port, 9001);
    assert.equal(loadConfig({ CLIPN_PORT: '' }).port, 8080);
  });

  it('sizes, durations and switches are read in their usual units', () => {
    const config = loadConfig({
      CLIPN_MAX_BODY_BYTES: '20MB',
      CLIPN_MAX_IMAGE_BYTES: '2 MiB',
      CLIPN_REQUEST_TIMEOUT_MS: '1.5s',
      CLIPN_TRUST_PROXY: 'yes',
      CLIPN_DEVICE: 'cuda:1',
    });
    assert.equal(config.maxBodyBytes, 20e6);
    assert.equal(config.maxImageBytes, 2 * 2 ** 20);
    assert.equal(config.requestTimeoutMs, 1500);
    assert.equal(config.trustProxy, true);
    assert.equal(config.device, 'cuda:1');
  });

  it('every wrong setting is reported at once, with its value and the expected one', () => {
    const found = faults(
      { CLIPN_PORT: 'http', CLIPN_DEVICE: 'gpu', CLIPN_METHOD: 'msp', CLIPN_PROT: '1', CLIPN_MAX_BATCH: '0' },
      { 'log-level': 'loud' },
    );
    assert.equal(found.length, 6);
    for (const part of [
      'CLIPN_PROT is not a setting; did you mean CLIPN_PORT?',
      'CLIPN_PORT is "http", expected a whole number',
      'CLIPN_DEVICE is "gpu", expected auto, cpu, cuda[:n], tensorrt[:n] or webgpu',
      'CLIPN_METHOD is "msp", it must be "ctw", "atd" or "atd-rescaled"',
      'CLIPN_MAX_BATCH is "0", it must be at least 1',
      '--log-level is "loud"',
    ]) {
      assert.ok(
        found.some((f) => f.includes(part)),
        `${part} in ${found.join('; ')}`,
      );
    }
  });

  it('a number with trailing text, a fraction, a negative and an unknown unit are refused', () => {
    for (const bad of ['80 80', '8080x', '1.5', '-1', '65536', 'NaN', '0x10'])
      assert.equal(faults({ CLIPN_PORT: bad }).length, 1, bad);
    assert.equal(faults({ CLIPN_REQUEST_TIMEOUT_MS: '10 parsecs' }).length, 1);
    assert.equal(faults({ CLIPN_TRUST_PROXY: 'maybe' }).length, 1);
  });

  it('every setting has a description', () => {
    for (const row of describeConfig()) {
      assert.match(row.variable, /^CLIPN_[A-Z_]+$/);
      assert.ok(row.meaning.length > 5);
    }
  });

  it('variables that Kubernetes sets for a service called clipn are ignored', () => {
    const links = {
      CLIPN_PORT: 'tcp://10.0.0.1:8080',
      CLIPN_SERVICE_HOST: '10.0.0.1',
      CLIPN_SERVICE_PORT_HTTP: '8080',
      CLIPN_GATE_PORT: 'tcp://10.0.0.2:80',
      CLIPN_GATE_PORT_80_TCP_ADDR: '10.0.0.2',
    };
    assert.equal(loadConfig(links).port, 8080);
    assert.equal(loadConfig({ ...links, CLIPN_PORT: '9000' }).port, 9000);
    assert.deepEqual(faults({ CLIPN_PORTAL: 'x' }).length, 1);
  });
});
