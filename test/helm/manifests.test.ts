import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { EXAMPLES, example, render } from '../helpers/chart.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { run, without } from '../helpers/tools.ts';

const SNAPSHOTS = join(import.meta.dirname, 'snapshots');

/** Kinds that Kubernetes itself doesn't know: there is no schema of them here. */
const CUSTOM = new Set(['ServiceMonitor', 'PodMonitor', 'PrometheusRule', 'ScaledObject']);

/** Findings of kube-score that are intended, with the reason. */
const ACCEPTED = [
  '--ignore-container-cpu-limit', // throttling adds latency and saves nothing
  '--ignore-test=container-ephemeral-storage-request-and-limit', // the data folder has a size limit of its own
  '--ignore-test=container-image-pull-policy', // versions are immutable; IfNotPresent starts faster
  '--ignore-test=deployment-has-host-podantiaffinity', // spread is asked for by topologySpreadConstraints
  '--ignore-test=deployment-replicas', // KEDA's ScaledObject, which it does not know, keeps at least two
];

const withoutCustom = (all: { kind: string }[]) =>
  all
    .filter((o) => !CUSTOM.has(o.kind))
    .map((o) => JSON.stringify(o))
    .join('\n---\n');

for (const name of EXAMPLES) {
  describe(`manifests of examples/${name}.yaml`, { skip: without('helm') }, () => {
    it('the manifests equal the reviewed snapshot (UPDATE_SNAPSHOTS=1 rewrites it)', async () => {
      const { all } = await render({}, [example(name)]);
      // dashboard and rules are whole files with tests of their own
      const text = `${all
        .filter((o) => o.kind !== 'PrometheusRule' && !o.metadata.name.endsWith('-dashboard'))
        .map((o) => stringify(o))
        .join('---\n')}`;
      const path = join(SNAPSHOTS, `${name}.yaml`);
      if (process.env['UPDATE_SNAPSHOTS'] || !existsSync(path)) {
        mkdirSync(SNAPSHOTS, { recursive: true });
        writeFileSync(path, text);
      }
      assert.equal(text, readFileSync(path, 'utf8'));
    });

    it("the manifests fit Kubernetes' own schemas without unknown fields", {
      skip: without('kubernetes-validate'),
    }, async (t) => {
      const { all } = await render({}, [example(name)]);
      const path = join(await temporaryDirectory(t), 'manifests.yaml');
      writeFileSync(path, withoutCustom(all));
      const { code, output } = await run('kubernetes-validate', ['--strict', '--kubernetes-version', '1.33', path]);
      assert.equal(code, 0, output);
    });

    it('the manifests hold the restricted profile of pod security, by the checks of the API server', {
      skip: without('pod-security'),
    }, async () => {
      const { text } = await render({}, [example(name)]);
      const { code, output } = await run('pod-security', [], text);
      assert.equal(code, 0, output);
      assert.match(output, /^1 pod templates, 0 violations/m);
    });

    it('kube-score finds nothing in the manifests but the listed exceptions', {
      skip: without('kube-score'),
    }, async () => {
      const { all } = await render({}, [example(name)]);
      const { code, output } = await run(
        'kube-score',
        ['score', '--output-format', 'ci', ...ACCEPTED, '-'],
        withoutCustom(all),
      );
      assert.equal(code, 0, output);
      assert.doesNotMatch(output, /^\[(CRITICAL|WARNING)\]/m);
    });
  });
}

describe('the checks themselves', () => {
  it('the check of pod security finds a pod that runs as root', { skip: without('helm', 'pod-security') }, async () => {
    const { text } = await render({}, [example('single')]);
    const { code, output } = await run('pod-security', [], text.replace('runAsNonRoot: true', 'runAsNonRoot: false'));
    assert.equal(code, 1);
    assert.match(output, /runAsNonRoot/);
  });

  it('the check of the schemas finds a misspelled field', {
    skip: without('helm', 'kubernetes-validate'),
  }, async (t) => {
    const { all } = await render({}, [example('single')]);
    const path = join(await temporaryDirectory(t), 'manifests.yaml');
    writeFileSync(path, withoutCustom(all).replace('"readinessProbe"', '"readynessProbe"'));
    const { code, output } = await run('kubernetes-validate', ['--strict', '--kubernetes-version', '1.33', path]);
    assert.notEqual(code, 0);
    assert.match(output, /readynessProbe/);
  });
});
