import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Manifest, type Rendered, render, template } from '../helpers/chart.ts';
import { type Connection, evictable, namespace, type Pod, permits, selects } from '../helpers/network-policy.ts';
import { without } from '../helpers/tools.ts';

const skip = without('helm');
const ONE = { replicas: 1 };
const POSTGRES = { store: { kind: 'postgres', postgres: { existingSecret: 'db' } } };
const UPSTREAM = {
  gate: { enabled: true, config: { upstream: { url: 'http://classifier.models:8501' }, routes: [] } },
};

/** The pods that the chart makes, as they run in the namespace of the release. */
function podOf({ all, container }: Rendered): Pod {
  const workload = all.find(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
  const ports = container.ports.map((p: Manifest) => [p.name, p.containerPort]);
  return {
    labels: workload.spec.template.metadata.labels,
    namespace: namespace('vision'),
    ports: Object.fromEntries(ports),
  };
}

const neighbour: Pod = { labels: { app: 'shop' }, namespace: namespace('vision') };
const stranger: Pod = { labels: { app: 'shop' }, namespace: namespace('elsewhere') };
const prometheus: Pod = { labels: { app: 'prometheus' }, namespace: namespace('monitoring') };
const dns: Pod = { labels: { 'k8s-app': 'kube-dns' }, namespace: namespace('kube-system') };
const INTERNET = undefined;

async function scene(values: Record<string, unknown>) {
  const rendered = await render(values);
  const policies = rendered.all.filter(({ kind }) => kind === 'NetworkPolicy');
  const own = podOf(rendered);
  const may =
    (direction: Connection['direction']) => (other: Pod | undefined, port: number, protocol?: 'TCP' | 'UDP') =>
      permits(policies, { own, other, direction, port, ...(protocol ? { protocol } : {}) });
  return { policies, own, from: may('Ingress'), to: may('Egress') };
}

describe('connections to and from the pods', { skip }, () => {
  it('pods of the namespace reach the service, those of others do not, and monitoring reaches its port alone', async () => {
    const { from, own } = await scene({ ...ONE, ...UPSTREAM, grpc: { enabled: true, port: 8001 } });
    const { http, gate, grpc } = own.ports as Record<'http' | 'gate' | 'grpc', number>;
    for (const port of [http, gate, grpc]) {
      assert.ok(from(neighbour, port), `${port}`);
      assert.ok(!from(stranger, port), `${port}`);
      assert.ok(!from(INTERNET, port), `${port}`);
    }
    assert.deepEqual([from(prometheus, http), from(prometheus, gate), from(prometheus, grpc)], [true, false, false]);
    assert.ok(!from(neighbour, 9229), "the debugger's port");
    assert.ok(!from(neighbour, http, 'UDP'));
  });

  it('ports of a gate and of gRPC that are not enabled are closed', async () => {
    const { from, own } = await scene(ONE);
    assert.deepEqual(Object.keys(own.ports ?? {}), ['http']);
    for (const port of [8081, 8001]) assert.ok(!from(neighbour, port));
  });

  it('peers that are named replace the namespace', async () => {
    const ingress = { podSelector: { matchLabels: { app: 'ingress' } }, namespaceSelector: {} };
    const { from, own } = await scene({ ...ONE, networkPolicy: { from: [ingress] } });
    const http = own.ports?.['http'] as number;
    assert.deepEqual([from({ ...stranger, labels: { app: 'ingress' } }, http), from(neighbour, http)], [true, false]);
  });

  it('the pods reach DNS and nothing else, unless a value asks for it', async () => {
    const { to } = await scene(ONE);
    assert.ok(to(dns, 53, 'UDP') && to(dns, 53));
    assert.ok(!to(stranger, 53, 'UDP'), 'another server on its port');
    for (const port of [80, 443, 5432, 8501, 4318]) {
      assert.ok(!to(INTERNET, port), `${port}`);
      assert.ok(!to(neighbour, port), `${port}`);
    }
  });

  it('the database is reached on its port, at the addresses that are named where there are any', async () => {
    const any = await scene({ ...POSTGRES, networkPolicy: { postgresPort: 5433 } });
    assert.deepEqual([any.to(INTERNET, 5433), any.to(stranger, 5433), any.to(INTERNET, 5432)], [true, true, false]);
    const postgresTo = [{ namespaceSelector: { matchLabels: namespace('databases') } }];
    const one = await scene({ ...POSTGRES, networkPolicy: { postgresTo } });
    assert.ok(one.to({ labels: {}, namespace: namespace('databases') }, 5432));
    assert.ok(!one.to(stranger, 5432));
  });

  it('the gate reaches its classifier and its fallbacks in other pods; one in the same pod needs no rule', async () => {
    const { to } = await scene({
      ...ONE,
      gate: {
        enabled: true,
        config: {
          upstream: { url: 'http://classifier.models:8501/v1' },
          defaults: { fallback: 'https://second.example' },
          routes: [{ match: { path: '/x' }, fallback: 'http://third.models' }],
        },
      },
    });
    assert.deepEqual(
      [to(stranger, 8501), to(INTERNET, 443), to(stranger, 80), to(stranger, 8502)],
      [true, true, true, false],
    );
    for (const url of ['http://127.0.0.1:9000', 'http://localhost:9000', 'http://[::1]:9000']) {
      const beside = await scene({ ...ONE, gate: { enabled: true, config: { upstream: { url }, routes: [] } } });
      assert.ok(!beside.to(stranger, 9000), url);
    }
  });

  it('the policy and the budget select the pods of this release and no others', async () => {
    const { all } = await render(POSTGRES);
    const own = podOf(await render(POSTGRES)).labels;
    const name = 'app.kubernetes.io/name';
    const others = [{ ...own, 'app.kubernetes.io/instance': 'other' }, { ...own, [name]: 'postgresql' }, {}];
    for (const kind of ['NetworkPolicy', 'PodDisruptionBudget']) {
      const { spec } = all.find((o) => o.kind === kind);
      const selector = spec.podSelector ?? spec.selector;
      assert.ok(selects(selector, own), kind);
      for (const labels of others) assert.ok(!selects(selector, labels as Record<string, string>), kind);
    }
  });
});

describe('evictions', { skip }, () => {
  it('a drain of nodes takes one pod at a time, whatever the number of replicas, and never waits for ever', async () => {
    for (const [replicas, left] of [
      [1, 0],
      [2, 1],
      [3, 2],
    ] as const) {
      const { one } = await render({ ...(replicas > 1 ? POSTGRES : {}), replicas });
      const budget = one('PodDisruptionBudget');
      assert.equal(evictable(budget, replicas, replicas), 1);
      assert.equal(replicas - evictable(budget, replicas, replicas), left);
      // while one is missing, no healthy one goes; the one that is not healthy may
      if (replicas > 1) assert.equal(evictable(budget, replicas, replicas - 1), 0);
      assert.equal(budget.spec.unhealthyPodEvictionPolicy, 'AlwaysAllow');
    }
  });

  it('a share of the pods may be missing instead of a number', async () => {
    const values = { ...POSTGRES, replicas: 3, podDisruptionBudget: { maxUnavailable: '34%' } };
    assert.equal(evictable((await render(values)).one('PodDisruptionBudget'), 3, 3), 2);
  });

  it('a budget that would block every drain, or is no number, is refused', async () => {
    for (const maxUnavailable of [0, '0%', 'one', -1]) {
      const { code, output } = await template({ ...ONE, podDisruptionBudget: { maxUnavailable } });
      assert.notEqual(code, 0, String(maxUnavailable));
      assert.match(output, /maxUnavailable/);
    }
  });
});
