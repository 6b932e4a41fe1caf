import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { describeConfig } from '../../src/config/index.ts';
import { loadGateFile } from '../../src/gate/index.ts';
import { CHART, EXAMPLES, env, example, type Rendered, render, template } from '../helpers/chart.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { run, without } from '../helpers/tools.ts';
import { VERSION } from '../helpers/version-places.ts';

const skip = without('helm');
const ONE = { replicas: 1 };
const POSTGRES = { store: { kind: 'postgres', postgres: { existingSecret: 'db' } } };

describe('the chart by itself', { skip }, () => {
  it('helm lint --strict accepts the chart with its defaults and every example', async () => {
    for (const name of EXAMPLES) {
      const { code, output } = await run('helm', ['lint', '--strict', CHART, '--values', example(name)]);
      assert.equal(code, 0, output);
      assert.match(output, /0 chart\(s\) failed/);
    }
  });

  it("the chart's schema refuses values that are misspelled, of the wrong type or unsafe", async () => {
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ replica: 1 }, /replica/],
      [{ ...ONE, store: { kind: 'mysql' } }, /kind/],
      [{ ...ONE, drain: { graceSeconds: 0 } }, /graceSeconds/],
      [{ ...ONE, settings: { MAX_BATCH: 4 } }, /MAX_BATCH/],
      [{ ...ONE, bundle: { path: '../../etc' } }, /path/],
      [{ ...ONE, image: { digest: 'latest' } }, /digest/],
    ];
    for (const [values, pattern] of wrong) {
      const { code, output } = await template(values);
      assert.notEqual(code, 0, JSON.stringify(values));
      assert.match(output, pattern);
    }
  });

  it('the chart refuses combinations of values that could not work, with the reason', async () => {
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{}, /store\.kind=postgres, or replicas=1/],
      [{ ...ONE, autoscaling: { enabled: true } }, /Several replicas/],
      [{ store: { kind: 'postgres' } }, /existingSecret/],
      [{ ...ONE, bundle: { source: 'imageVolume' } }, /imageVolume\.reference/],
      [{ ...ONE, bundle: { source: 'pvc' } }, /pvc\.claimName/],
      [{ ...ONE, bundle: { source: 'download', download: { url: 'https://x/y.tgz' } } }, /sha256/],
      [{ ...ONE, settings: { CLIPN_PORT: 9 } }, /settings\.CLIPN_PORT/],
      [{ ...ONE, metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } } }, /both scrape/],
      [{ ...POSTGRES, autoscaling: { enabled: true, minReplicas: 9, maxReplicas: 3 } }, /minReplicas/],
    ];
    for (const [values, pattern] of wrong) {
      const { code, output } = await template(values);
      assert.notEqual(code, 0, JSON.stringify(values));
      assert.match(output, pattern);
    }
  });

  it('every variable that the chart sets is a setting of the service', async () => {
    const known = new Set(describeConfig().map((row) => row.variable));
    for (const name of EXAMPLES) {
      const { container } = await render({}, [example(name)]);
      for (const variable of Object.keys(env(container))) assert.ok(known.has(variable), `${name}: ${variable}`);
    }
  });
});

describe('gRPC', { skip }, () => {
  it('a port of gRPC is opened in container, Service and NetworkPolicy where it is enabled, and nowhere else', async () => {
    const off = await render(ONE);
    assert.equal(env(off.container)['CLIPN_GRPC_PORT'], undefined);
    const { container, one } = await render({
      ...ONE,
      grpc: { enabled: true, port: 8001 },
      networkPolicy: { enabled: true },
    });
    assert.equal(env(container)['CLIPN_GRPC_PORT'], '8001');
    const named = (ports: { name: string }[]) => ports.find(({ name }) => name === 'grpc');
    assert.deepEqual(named(container.ports), { name: 'grpc', containerPort: 8001, protocol: 'TCP' });
    assert.deepEqual(named(one('Service').spec.ports), {
      name: 'grpc',
      port: 8001,
      targetPort: 'grpc',
      protocol: 'TCP',
      appProtocol: 'kubernetes.io/h2c',
    });
    const ports = one('NetworkPolicy').spec.ingress[0].ports.map(({ port }: { port: string }) => port);
    assert.ok(ports.includes('grpc'));
    assert.match((await template({ ...ONE, settings: { CLIPN_GRPC_PORT: '9' } })).output, /CLIPN_GRPC_PORT/);
  });
});

describe('traces', { skip }, () => {
  it('traces are off without an endpoint; with one the chart sets the standard variables, headers from a secret and a network rule', async () => {
    const off = await render(ONE);
    assert.deepEqual(
      Object.keys(env(off.container)).filter((name) => name.startsWith('OTEL_')),
      [],
    );
    const tracing = {
      endpoint: 'http://collector.monitoring:4318',
      sampler: 'parentbased_traceidratio',
      samplerArg: '0.1',
      headersSecret: 'collector',
    };
    const { container, one } = await render({ ...ONE, tracing });
    const set = env(container);
    assert.equal(set['OTEL_EXPORTER_OTLP_ENDPOINT'], tracing.endpoint);
    assert.equal(set['OTEL_EXPORTER_OTLP_PROTOCOL'], 'http/protobuf');
    assert.equal(set['OTEL_SERVICE_NAME'], 'gate-clipn-gate');
    assert.equal(set['OTEL_TRACES_SAMPLER'], 'parentbased_traceidratio');
    assert.equal(set['OTEL_TRACES_SAMPLER_ARG'], '0.1');
    const headers = container.env.find((e: { name: string }) => e.name === 'OTEL_EXPORTER_OTLP_HEADERS');
    assert.deepEqual(headers.valueFrom.secretKeyRef, { name: 'collector', key: 'headers' });
    const portsOf = (policy: Rendered['one']) =>
      policy('NetworkPolicy').spec.egress.flatMap((e: { ports: { port: number }[] }) => e.ports.map((p) => p.port));
    assert.ok(portsOf(one).includes(4318));
    for (const [endpoint, port] of [
      ['https://traces.example/otlp', 443],
      ['http://traces.example', 80],
    ] as const)
      assert.ok(portsOf((await render({ ...ONE, tracing: { endpoint } })).one).includes(port), endpoint);
    assert.match((await template({ ...ONE, tracing: { endpoint: 'collector:4318' } })).output, /endpoint/);
    assert.match((await template({ ...ONE, tracing: { endpoint: 'http://c', samplerArg: '7' } })).output, /samplerArg/);
  });
});

describe('the pod', { skip }, () => {
  it('the pod has the restricted profile, no token and no variables of services', async () => {
    const { pod, container } = await render(ONE);
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.enableServiceLinks, false);
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(pod.securityContext.runAsUser, 10001);
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it("the pod's grace period covers all stages of the drain", async () => {
    const { pod, container } = await render({
      ...ONE,
      drain: { preStopSeconds: 7, delaySeconds: 11, graceSeconds: 13 },
    });
    assert.equal(pod.terminationGracePeriodSeconds, 7 + 11 + 13 + 5);
    assert.equal(container.lifecycle.preStop.sleep.seconds, 7);
    assert.equal(env(container)['CLIPN_DRAIN_DELAY_MS'], '11s');
    assert.equal(env(container)['CLIPN_SHUTDOWN_GRACE_MS'], '13s');
    const without = await render({ ...ONE, drain: { preStopSeconds: 0 } });
    assert.equal(without.container.lifecycle, undefined, 'a sleep of 0 seconds is refused by older clusters');
  });

  it("the pod's three probes have different purposes", async () => {
    const { container } = await render(ONE);
    assert.equal(container.startupProbe.httpGet.path, '/livez');
    assert.equal(container.livenessProbe.httpGet.path, '/livez');
    assert.equal(container.readinessProbe.httpGet.path, '/readyz');
    assert.ok(container.startupProbe.failureThreshold > container.livenessProbe.failureThreshold);
    assert.ok(container.readinessProbe.periodSeconds < container.livenessProbe.periodSeconds);
  });

  it('the image is chosen by tag, version or digest', async () => {
    assert.equal((await render(ONE)).container.image, `clipn-gate:${VERSION}`);
    assert.equal((await render({ ...ONE, image: { tag: 'main' } })).container.image, 'clipn-gate:main');
    const digest = `sha256:${'a'.repeat(64)}`;
    assert.equal((await render({ ...ONE, image: { digest, tag: 'x' } })).container.image, `clipn-gate@${digest}`);
    assert.equal((await render({ ...ONE, gpu: { enabled: true } })).container.image, `clipn-gate:${VERSION}-gpu`);
  });

  it('the pod requests a GPU or a slice of one', async () => {
    const { container, pod } = await render({
      ...ONE,
      gpu: { enabled: true, resource: 'nvidia.com/mig-1g.10gb', count: 2, device: 'tensorrt' },
      runtimeClassName: 'nvidia',
      tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }],
    });
    assert.equal(container.resources.limits['nvidia.com/mig-1g.10gb'], 2);
    assert.equal(container.resources.limits.memory, '1536Mi', 'other limits stay');
    assert.equal(env(container)['CLIPN_DEVICE'], 'tensorrt');
    assert.equal(pod.runtimeClassName, 'nvidia');
    assert.deepEqual(pod.tolerations, [{ key: 'nvidia.com/gpu', operator: 'Exists' }]);
    const cpu = await render(ONE);
    assert.deepEqual(Object.keys(cpu.container.resources.limits), ['memory']);
    assert.equal(env(cpu.container)['CLIPN_DEVICE'], 'cpu');
  });

  it('the pod gets settings and further variables from values', async () => {
    const extra = { name: 'NODE_EXTRA_CA_CERTS', value: '/ca.pem' };
    const { container } = await render({
      ...ONE,
      settings: { CLIPN_MAX_BATCH: 32, CLIPN_TRUST_PROXY: true },
      extraEnv: [extra],
    });
    assert.equal(env(container)['CLIPN_MAX_BATCH'], '32');
    assert.equal(env(container)['CLIPN_TRUST_PROXY'], 'true');
    assert.equal(env(container)['NODE_EXTRA_CA_CERTS'], '/ca.pem');
  });

  it('node selector, affinity, priority, pull secrets, labels and spread come from values', async () => {
    const affinity = { nodeAffinity: {} };
    const { pod } = await render({
      ...ONE,
      nodeSelector: { disk: 'ssd' },
      affinity,
      priorityClassName: 'high',
      imagePullSecrets: [{ name: 'registry' }],
      podLabels: { team: 'vision' },
    });
    assert.deepEqual(pod.nodeSelector, { disk: 'ssd' });
    assert.deepEqual(pod.affinity, affinity);
    assert.equal(pod.priorityClassName, 'high');
    assert.deepEqual(pod.imagePullSecrets, [{ name: 'registry' }]);
    for (const constraint of pod.topologySpreadConstraints) {
      assert.deepEqual(constraint.labelSelector.matchLabels, {
        'app.kubernetes.io/name': 'clipn-gate',
        'app.kubernetes.io/instance': 'gate',
      });
    }
    assert.equal((await render({ ...ONE, topologySpreadConstraints: [] })).pod.topologySpreadConstraints, undefined);
  });
});

describe('source of the model', { skip }, () => {
  it('the embedded model needs no volume', async () => {
    const { container, pod } = await render(ONE);
    assert.equal(env(container)['CLIPN_BUNDLE'], 'clipn-small');
    assert.deepEqual(
      pod.volumes.map((v: { name: string }) => v.name),
      ['data'],
    );
  });

  it('a model from an image volume is mounted', async () => {
    const imageVolume = { reference: 'registry/models:1' };
    const { container, pod } = await render({ ...ONE, bundle: { source: 'imageVolume', path: 'vit', imageVolume } });
    assert.equal(env(container)['CLIPN_BUNDLE'], '/bundle/vit');
    const volume = pod.volumes.find((v: { name: string }) => v.name === 'bundle');
    assert.deepEqual(volume.image, { reference: 'registry/models:1', pullPolicy: 'IfNotPresent' });
    assert.ok(
      container.volumeMounts.some(
        (m: { mountPath: string; readOnly: boolean }) => m.mountPath === '/bundle' && m.readOnly,
      ),
    );
  });

  it('a model from a claim is mounted', async () => {
    const { container, pod } = await render({ ...ONE, bundle: { source: 'pvc', pvc: { claimName: 'models' } } });
    assert.equal(env(container)['CLIPN_BUNDLE'], '/bundle');
    const volume = pod.volumes.find((v: { name: string }) => v.name === 'bundle');
    assert.deepEqual(volume.persistentVolumeClaim, { claimName: 'models', readOnly: true });
  });

  it('a downloaded model has an init container that checks the checksum and a network rule', async () => {
    const download = { url: 'https://models.example.com/vit.tar.gz', sha256: 'b'.repeat(64) };
    const { pod, one } = await render({ ...ONE, bundle: { source: 'download', path: 'vit', download } });
    const [init] = pod.initContainers;
    assert.deepEqual(init.args, [download.url, download.sha256, '/bundle']);
    assert.equal(init.securityContext.readOnlyRootFilesystem, true);
    assert.match(one('ConfigMap', '-scripts').data['fetch-bundle.mjs'], /createHash\('sha256'\)/);
    const ports = one('NetworkPolicy').spec.egress.flatMap((e: { ports: { port: number }[] }) =>
      e.ports.map((p) => p.port),
    );
    assert.ok(ports.includes(443));
  });
});

describe('authentication', { skip }, () => {
  it('keys are required and kept in the data folder, and metrics are open', async () => {
    const { container } = await render(ONE);
    assert.equal(env(container)['CLIPN_AUTH'], 'keys');
    assert.equal(env(container)['CLIPN_OPEN_METRICS'], 'true');
    assert.deepEqual(
      container.volumeMounts.map((m: { mountPath: string }) => m.mountPath),
      ['/data'],
    );
    assert.equal(env((await render({ ...ONE, auth: { mode: 'off' } })).container)['CLIPN_AUTH'], 'off');
  });

  it('requests may name the Service and the hosts in auth.publicHosts', async () => {
    const auth = { mode: 'off', publicHosts: ['gate.example.com'], clusterDomain: 'cluster.test' };
    const { container } = await render({ ...ONE, auth });
    const own = ['gate-clipn-gate', 'gate-clipn-gate.vision', 'gate-clipn-gate.vision.svc'];
    const all = [...own, 'gate-clipn-gate.vision.svc.cluster.test', 'gate.example.com'];
    assert.deepEqual(env(container)['CLIPN_PUBLIC_HOSTS']?.split(','), all);
    assert.notEqual((await template({ ...ONE, auth: { publicHosts: ['a b'] } })).code, 0);
  });

  it('keys from a secret are mounted in the folder that the service reads', async () => {
    const { container, pod } = await render({ ...ONE, auth: { existingSecret: 'keys' } });
    const mount = container.volumeMounts.find((m: { name: string }) => m.name === 'keys');
    assert.deepEqual(mount, { name: 'keys', mountPath: '/data/access/keys', readOnly: true });
    assert.deepEqual(pod.volumes.find((v: { name: string }) => v.name === 'keys').secret, { secretName: 'keys' });
  });
});

describe('events', { skip }, () => {
  it('hosts and secrets of events reach the service; without them nothing is set or mounted', async () => {
    const events = { urls: ['https://a.example.com', 'https://b.example.com'], existingSecret: 'hooks' };
    const { container, pod } = await render({ ...ONE, events });
    assert.equal(env(container)['CLIPN_EVENT_URLS'], 'https://a.example.com,https://b.example.com');
    assert.equal(env(container)['CLIPN_EVENT_SECRETS_DIR'], '/event-secrets');
    const mount = container.volumeMounts.find((m: { name: string }) => m.name === 'event-secrets');
    assert.deepEqual(mount, { name: 'event-secrets', mountPath: '/event-secrets', readOnly: true });
    const volume = pod.volumes.find((v: { name: string }) => v.name === 'event-secrets');
    assert.deepEqual(volume.secret, { secretName: 'hooks' });
    const none = await render(ONE);
    assert.equal(env(none.container)['CLIPN_EVENT_URLS'], undefined);
    assert.ok(!none.pod.volumes.some((v: { name: string }) => v.name === 'event-secrets'));
  });
});

describe('tenants and the gate', { skip }, () => {
  it('tenants from values are a ConfigMap that the service follows', async () => {
    const { container, one } = await render({ ...ONE, tenants: { zoo: { classes: ['lion'] } } });
    assert.equal(env(container)['CLIPN_TENANTS_DIR'], '/tenants');
    assert.deepEqual(parse(one('ConfigMap', '-tenants').data['zoo.yaml']), { classes: ['lion'] });
    const none = await render(ONE);
    assert.equal(env(none.container)['CLIPN_TENANTS_DIR'], undefined);
    assert.equal(none.one('ConfigMap'), undefined);
  });

  it("the chart's gate has a valid file, a port and the classifier in the same pod", async (t) => {
    const { container, one, pod } = await render({}, [example('sidecar')]);
    assert.deepEqual(container.args, ['gate', '--config', '/gate/gate.yaml']);
    assert.deepEqual(
      pod.containers.map((c: { name: string }) => c.name),
      ['clipn-gate', 'classifier'],
    );
    assert.equal(one('Service').spec.ports[1].targetPort, 'gate');
    assert.ok(one('NetworkPolicy').spec.ingress[0].ports.some((p: { port: string }) => p.port === 'gate'));
    const file = join(await temporaryDirectory(t), 'gate.yaml');
    writeFileSync(file, one('ConfigMap', '-gate').data['gate.yaml']);
    const { settings } = await loadGateFile(file);
    assert.equal(settings.listen.port, container.ports[1].containerPort);
    assert.equal(settings.upstream.url.href, 'http://127.0.0.1:9000/');
    const { code, output } = await template({ ...ONE, gate: { enabled: true } });
    assert.notEqual(code, 0);
    assert.match(output, /gate\.config\.upstream\.url/);
  });
});

describe('storage', { skip }, () => {
  it('the workload is a Deployment without a claim and a StatefulSet with one per pod', async () => {
    const lost = await render(ONE);
    assert.ok(lost.one('Deployment'));
    assert.equal(lost.pod.volumes[0].emptyDir.sizeLimit, '2Gi');
    const kept = await render({ ...ONE, persistence: { enabled: true, size: '5Gi', storageClassName: 'fast' } });
    assert.equal(kept.one('Deployment'), undefined);
    const { spec } = kept.one('StatefulSet');
    assert.equal(spec.volumeClaimTemplates[0].spec.resources.requests.storage, '5Gi');
    assert.equal(spec.volumeClaimTemplates[0].spec.storageClassName, 'fast');
    assert.equal(spec.serviceName, kept.one('Service', '-pods').metadata.name);
    assert.equal(kept.one('Service', '-pods').spec.clusterIP, 'None');
  });

  it('the address of PostgreSQL is read from a secret and is in no manifest', async () => {
    const { container, one } = await render(POSTGRES);
    const variable = container.env.find((e: { name: string }) => e.name === 'CLIPN_STORE');
    assert.deepEqual(variable.valueFrom.secretKeyRef, { name: 'db', key: 'url' });
    const ports = one('NetworkPolicy').spec.egress.flatMap((e: { ports: { port: number }[] }) =>
      e.ports.map((p) => p.port),
    );
    assert.ok(ports.includes(5432));
    assert.equal(one('Deployment').spec.replicas, 2);
  });
});

describe('additional objects', { skip }, () => {
  it('the service account is created or given, never with a token', async () => {
    const made = await render(ONE);
    assert.equal(made.one('ServiceAccount').automountServiceAccountToken, false);
    assert.equal(made.pod.serviceAccountName, 'gate-clipn-gate');
    const given = await render({ ...ONE, serviceAccount: { create: false, name: 'mine' } });
    assert.equal(given.one('ServiceAccount'), undefined);
    assert.equal(given.pod.serviceAccountName, 'mine');
  });

  it('type, port and annotations of the Service come from values', async () => {
    const { one } = await render({ ...ONE, service: { type: 'NodePort', port: 80, annotations: { a: 'b' } } });
    const service = one('Service');
    assert.equal(service.spec.type, 'NodePort');
    assert.equal(service.spec.ports[0].port, 80);
    assert.equal(service.metadata.annotations.a, 'b');
  });

  it('there is a disruption budget unless it is disabled', async () => {
    assert.equal((await render(ONE)).one('PodDisruptionBudget').spec.maxUnavailable, 1);
    assert.equal(
      (await render({ ...ONE, podDisruptionBudget: { enabled: false } })).one('PodDisruptionBudget'),
      undefined,
    );
  });

  it('autoscaling is by processor, by queue or by KEDA, and the workload then has no replica count', async () => {
    assert.equal((await render(ONE)).one('HorizontalPodAutoscaler'), undefined);
    const cpu = await render({ ...POSTGRES, autoscaling: { enabled: true } });
    assert.equal(cpu.one('Deployment').spec.replicas, undefined);
    const { spec } = cpu.one('HorizontalPodAutoscaler');
    assert.equal(spec.metrics[0].resource.target.averageUtilization, 70);
    assert.equal(spec.scaleTargetRef.name, cpu.one('Deployment').metadata.name);
    const queue = await render({ ...POSTGRES, autoscaling: { enabled: true, kind: 'queue', targetQueueDepth: 5 } });
    const [metric] = queue.one('HorizontalPodAutoscaler').spec.metrics;
    assert.deepEqual(metric.pods, {
      metric: { name: 'clipn_queue_depth' },
      target: { type: 'AverageValue', averageValue: '5' },
    });
    const keda = await render({
      ...POSTGRES,
      persistence: { enabled: true },
      autoscaling: { enabled: true, kind: 'keda' },
    });
    assert.equal(keda.one('HorizontalPodAutoscaler'), undefined);
    const object = keda.one('ScaledObject').spec;
    assert.equal(object.scaleTargetRef.kind, 'StatefulSet');
    assert.match(object.triggers[0].metadata.query, /clipn_queue_depth\{namespace="vision"/);
  });

  it('the network policy is on by default, its peers can be named, and it can be left out', async () => {
    const { spec } = (await render(ONE)).one('NetworkPolicy');
    assert.deepEqual(spec.policyTypes, ['Ingress', 'Egress']);
    assert.deepEqual(spec.ingress[0].from, [{ podSelector: {} }]);
    assert.equal(spec.egress.length, 1, 'names only');
    const from = [{ namespaceSelector: { matchLabels: { team: 'a' } } }];
    const extraEgress = [{ ports: [{ port: 4318, protocol: 'TCP' }] }];
    const named = (
      await render({ ...ONE, networkPolicy: { from, extraEgress, monitoringNamespaceSelector: null } })
    ).one('NetworkPolicy').spec;
    assert.deepEqual(
      named.ingress.map((i: { from: unknown }) => i.from),
      [from],
    );
    assert.deepEqual(named.egress[1], extraEgress[0]);
    assert.equal((await render({ ...ONE, networkPolicy: { enabled: false } })).one('NetworkPolicy'), undefined);
  });

  it('there is a monitor of the pods or of the service', async () => {
    const none = await render(ONE);
    assert.equal(none.one('ServiceMonitor') ?? none.one('PodMonitor'), undefined);
    const service = (
      await render({ ...ONE, metrics: { serviceMonitor: { enabled: true, interval: '5s', labels: { release: 'p' } } } })
    ).one('ServiceMonitor');
    assert.equal(service.spec.endpoints[0].interval, '5s');
    assert.equal(service.metadata.labels.release, 'p');
    const pod = (await render({ ...ONE, metrics: { podMonitor: { enabled: true } } })).one('PodMonitor');
    assert.equal(pod.spec.podMetricsEndpoints[0].port, 'http');
  });

  it('names of objects stay within 63 characters', async () => {
    const { all } = await render({ ...ONE, persistence: { enabled: true }, fullnameOverride: 'n'.repeat(80) });
    for (const o of all) if (o.kind !== 'Service') assert.ok(o.metadata.name.length <= 63, o.metadata.name);
    assert.ok(all.find((o) => o.kind === 'Service').metadata.name.length <= 63);
  });
});
