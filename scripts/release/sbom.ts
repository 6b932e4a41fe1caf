import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quietly } from './run.ts';

/** The parts of a CycloneDX 1.5 document that are read or changed here. */
interface Component {
  'bom-ref': string;
  name: string;
  type: string;
  scope?: string;
  [field: string]: unknown;
}
interface Document {
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

const MODEL = 'models/clipn-small';
const WORDS = 'models/words';

const npmSbom = (root: string, ...args: string[]): Document =>
  JSON.parse(quietly('npm', ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', ...args], root));

/** Names of the packages that modules of the page import. The build copies their code, so they are shipped though npm installs none of them. */
function importedByPage(root: string): Set<string> {
  const folder = join(root, 'src/console');
  const modules = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?<!\.config)\.tsx?$/.test(name),
  );
  const specifiers = modules.flatMap((name) => [
    ...readFileSync(join(folder, name), 'utf8').matchAll(/^import [^;]*?'((?:@[\w-]+\/)?[\w-]+)/gm),
  ]);
  return new Set(specifiers.map(([, name]) => name as string));
}

/** The components of `all` that these names lead to, with their dependencies. */
function reached(all: Document, names: Set<string>): Component[] {
  const edges = new Map(all.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  const refs = new Set(all.components.filter(({ name }) => names.has(name)).map((c) => c['bom-ref']));
  for (const ref of refs) for (const next of edges.get(ref) ?? []) refs.add(next);
  return all.components.filter((c) => refs.has(c['bom-ref']));
}

function filesOf(root: string, folder: string) {
  const digest = (file: string) =>
    createHash('sha256')
      .update(readFileSync(join(root, folder, file)))
      .digest('hex');
  return readdirSync(join(root, folder))
    .sort()
    .map((file) => ({
      type: 'file',
      name: `${folder}/${file}`,
      hashes: [{ alg: 'SHA-256', content: digest(file) }],
    }));
}

/** The word list for negative labels, with each of its files. */
function words(root: string): Component {
  const { name, version, licence } = JSON.parse(readFileSync(join(root, WORDS, 'words.json'), 'utf8'));
  return {
    type: 'data',
    'bom-ref': `words:${name}@${version}`,
    name,
    version,
    licenses: [{ license: { name: licence } }],
    components: filesOf(root, WORDS),
  };
}

/** The embedded model, with each of its files. */
function model(root: string): Component {
  const { name, version } = JSON.parse(readFileSync(join(root, MODEL, 'bundle.json'), 'utf8'));
  const licenses = [{ license: { id: 'Apache-2.0' } }];
  return {
    type: 'machine-learning-model',
    'bom-ref': `model:${name}@${version}`,
    name,
    version,
    licenses,
    components: filesOf(root, MODEL),
  };
}

/**
 * CycloneDX 1.5 (JSON) of the program as it is shipped: the packages that npm installs with it, those whose code the page contains, and
 * the embedded model and the word list. `npm sbom` writes most of it. Needs node_modules.
 */
export function billOfMaterials(root: string, commit: string | undefined): string {
  const shipped = npmSbom(root, '--omit', 'dev');
  const known = new Set(shipped.components.map((c) => c['bom-ref']));
  const page = reached(npmSbom(root), importedByPage(root)).filter((c) => !known.has(c['bom-ref']));
  const { component } = shipped.metadata;
  // npm takes the name of the folder
  const properties = commit ? [{ name: 'clipn-gate:commit', value: commit }] : [];
  Object.assign(component, { name: 'clipn-gate', properties });
  shipped.components.push(...page.map((c) => ({ ...c, scope: 'required' })), model(root), words(root));
  const refs = new Set(shipped.components.map((c) => c['bom-ref']).concat(component['bom-ref']));
  shipped.dependencies = shipped.dependencies.filter(({ ref }) => refs.has(ref));
  return `${JSON.stringify(shipped, null, 1)}\n`;
}
