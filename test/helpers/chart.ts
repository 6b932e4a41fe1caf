import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from './paths.ts';
import { run } from './tools.ts';

export const CHART = join(ROOT, 'helm/clipn-gate');
export const EXAMPLES = ['single', 'central-cpu', 'central-gpu', 'sidecar'];
export const example = (name: string) => join(CHART, 'examples', `${name}.yaml`);

// biome-ignore lint/suspicious/noExplicitAny: manifests are read where they are asserted
export type Manifest = any;

export interface Rendered {
  text: string;
  all: Manifest[];
  /** The one object of a kind; undefined where there is none. */
  one(kind: string, suffix?: string): Manifest;
  /** The first container of the workload. */
  container: Manifest;
  /** Its pod template's spec. */
  pod: Manifest;
}

const RELEASE = ['--namespace', 'vision', '--kube-version', '1.33.0'];

/** `helm template` with values as --set-json arguments, one per top-level key. */
export function template(values: Record<string, unknown> = {}, files: string[] = []) {
  const sets = Object.entries(values).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]);
  return run('helm', ['template', 'gate', CHART, ...RELEASE, ...files.flatMap((f) => ['--values', f]), ...sets]);
}

/** Every object that the chart makes. */
export async function render(values: Record<string, unknown> = {}, files: string[] = []): Promise<Rendered> {
  const { code, output: text } = await template(values, files);
  if (code !== 0) throw new Error(text);
  const all = parseAllDocuments(text)
    .map((d) => d.toJS() as Manifest)
    .filter((d) => d !== null);
  const one = (kind: string, suffix = '') => {
    const found = all.filter((o) => o.kind === kind && o.metadata.name.endsWith(suffix));
    if (found.length > 1) throw new Error(`there are ${found.length} objects ${kind} *${suffix}`);
    return found[0];
  };
  const workload = all.find((o) => o.kind === 'Deployment' || o.kind === 'StatefulSet');
  const pod = workload?.spec.template.spec;
  return { text, all, one, pod, container: pod?.containers[0] };
}

export const env = (container: Manifest): Record<string, string> =>
  Object.fromEntries(container.env.map((e: { name: string; value?: string }) => [e.name, e.value]));
