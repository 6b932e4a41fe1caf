/**
 * `npm run bench -- cluster [--other DIR]`: every example of the chart against a real API server: strict server-side validation, admission of its pods
 * under the restricted profile, `helm install` (the chart of --other, where it is given), `upgrade` to the next minor version, `rollback` and `uninstall`. CLIPN_CLUSTER is the folder of
 * etcd and kube-apiserver (test/helm/cluster/build.sh prints it), CLIPN_CRDS a folder with the definitions of KEDA and the Prometheus operator.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { CHART, EXAMPLES, example, type Manifest, render } from '../helpers/chart.ts';
import { run } from '../helpers/tools.ts';
import { VERSION } from '../helpers/version-places.ts';
import { ApiServer } from './cluster/server.ts';
import type { Bench } from './main.ts';
import { table } from './report.ts';

const NAMESPACE = 'vision';
const RESTRICTED = {
  'pod-security.kubernetes.io/enforce': 'restricted',
  'pod-security.kubernetes.io/warn': 'restricted',
};

/** Path of the collection that an object belongs to. */
function collection({ apiVersion, kind }: Manifest): string {
  const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = kind.toLowerCase().endsWith('y') ? `${kind.toLowerCase().slice(0, -1)}ies` : `${kind.toLowerCase()}s`;
  return `${base}/namespaces/${NAMESPACE}/${plural}`;
}

async function define(server: ApiServer, folder: string): Promise<string[]> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  const definitions = names.map((name) => parse(readFileSync(join(folder, name), 'utf8')));
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  for (const definition of definitions) {
    const { status, body } = await server.call('POST', path, definition);
    if (status !== 201) throw new Error(`${definition.metadata.name}: ${body.message}`);
    for (let ready = false; !ready; await sleep(100)) {
      const { body: now } = await server.call('GET', `${path}/${definition.metadata.name}`);
      ready = now.status?.conditions?.some(
        (c: { type: string; status: string }) => c.type === 'Established' && c.status === 'True',
      );
    }
  }
  return definitions.map((d) => d.spec.names.kind);
}

/** Messages of what the server refuses, or warns of, in the manifests of an example: unknown and duplicate fields are refused. */
async function faults(server: ApiServer, all: Manifest[]): Promise<string[]> {
  const found: string[] = [];
  const ask = async (path: string, object: Manifest) => {
    const { status, warnings, body } = await server.call('POST', `${path}?dryRun=All&fieldValidation=Strict`, object);
    if (status !== 201) found.push(`${object.kind} ${object.metadata.name}: ${body.message}`);
    found.push(...warnings.map((w) => `${object.kind} ${object.metadata.name}: ${w}`));
  };
  for (const object of all) await ask(collection(object), object);
  const { template, volumeClaimTemplates = [] } =
    all.find((o) => o.kind === 'Deployment' || o.kind === 'StatefulSet')?.spec ?? {};
  // the controller of a StatefulSet would add them
  const claims = volumeClaimTemplates.map(({ metadata: { name } }: Manifest) => ({ name, emptyDir: {} }));
  const spec = { ...template.spec, volumes: [...(template.spec.volumes ?? []), ...claims] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name: 'one' }, spec };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: template.spec.serviceAccountName } };
  await server.call('POST', collection(account), account);
  await ask(collection(pod), pod);
  await server.call('DELETE', `${collection(account)}/${account.metadata.name}`);
  return found;
}

/** The chart's version at the stored objects, and how many there are. */
async function stored(server: ApiServer, all: Manifest[]): Promise<string> {
  const versions = new Set<string>();
  let count = 0;
  for (const { apiVersion, kind, metadata } of all) {
    const { status, body } = await server.call('GET', `${collection({ apiVersion, kind })}/${metadata.name}`);
    if (status !== 200) continue;
    count++;
    versions.add(body.metadata.labels?.['helm.sh/chart']?.replace('clipn-gate-', ''));
  }
  return `${count} objects${count > 0 ? ` of ${[...versions].join(', ')}` : ''}`;
}

/** The chart as the next minor version, packed. */
async function nextChart(dir: string): Promise<string> {
  const [major, minor] = VERSION.split('.').map(Number) as [number, number];
  const next = `${major}.${minor + 1}.0`;
  const { code, output } = await run('helm', ['package', CHART, '--version', next, '--app-version', next, '-d', dir]);
  if (code !== 0) throw new Error(output);
  return join(dir, `clipn-gate-${next}.tgz`);
}

async function visit(server: ApiServer, name: string, from: string, next: string) {
  const { all } = await render({}, [example(name)]);
  const helm = async (...args: string[]) => {
    const { code, output } = await run('helm', [...args, '--namespace', NAMESPACE, '--kubeconfig', server.kubeconfig]);
    if (code !== 0) throw new Error(`helm ${args[0]} of ${name}: ${output}`);
    return stored(server, all);
  };
  const refused = await faults(server, all);
  const installed = await helm('install', 'gate', from, '--values', example(name));
  const upgraded = await helm('upgrade', 'gate', next, '--values', example(name));
  const back = await helm('rollback', 'gate', '1');
  const gone = await helm('uninstall', 'gate');
  return { name, kinds: new Set(all.map((o) => o.kind)).size, refused, installed, upgraded, back, gone };
}

export const cluster: Bench = async ({ other }) => {
  const { CLIPN_CLUSTER: programs, CLIPN_CRDS: crds } = process.env;
  if (!programs || !existsSync(join(programs, 'kube-apiserver')))
    throw new Error('CLIPN_CLUSTER names no folder with kube-apiserver and etcd (test/helm/cluster/build.sh)');
  const dir = mkdtempSync(join(tmpdir(), 'clipn-cluster-'));
  const began = performance.now();
  const server = await ApiServer.start(programs, dir);
  try {
    const { body: version } = await server.call('GET', '/version');
    console.log(`Kubernetes ${version.gitVersion}, ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    await server.call('POST', '/apis/node.k8s.io/v1/runtimeclasses', {
      metadata: { name: 'nvidia' },
      handler: 'nvidia',
    });
    await server.call('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE, labels: RESTRICTED } });
    const defined = crds ? await define(server, crds) : [];
    console.log(`defined: ${defined.join(', ') || 'nothing, because CLIPN_CRDS is not set'}`);
    const next = await nextChart(dir);
    const visits = [];
    for (const name of EXAMPLES) {
      const { all } = await render({}, [example(name)]);
      const missing = all
        .filter((o) => /coreos|keda/.test(o.apiVersion) && !defined.includes(o.kind))
        .map((o) => o.kind);
      if (missing.length > 0) console.log(`${name} is left out: no definition of ${[...new Set(missing)].join(', ')}`);
      else visits.push(await visit(server, name, other ? join(other, 'helm/clipn-gate') : CHART, next));
    }
    table(
      ['example', 'kinds', 'refused', 'installed', 'upgraded', 'rolled back', 'uninstalled'],
      visits.map((v) => [v.name, v.kinds, v.refused.length, v.installed, v.upgraded, v.back, v.gone]),
    );
    for (const { refused } of visits) for (const fault of refused) console.log(`  ${fault.slice(0, 400)}`);
    const failed = visits.some((v) => v.refused.length > 0 || v.gone !== '0 objects' || v.back !== v.installed);
    if (failed) process.exitCode = 1;
    return { kubernetes: version.gitVersion, defined, visits, seconds: (performance.now() - began) / 1000 };
  } finally {
    server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};
