import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.ts';

export const VERSION: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;

/** Where the version of package.json stands once more; the second group of each pattern is the version. */
const PLACES: [file: string, pattern: RegExp][] = [
  ['package-lock.json', /^( {2}"version": ")([^"]+)/gm],
  ['package-lock.json', /^( {6}"name": "clipn-gate",\n {6}"version": ")([^"]+)/gm],
  ['helm/clipn-gate/Chart.yaml', /^((?:version|appVersion): )(\S+)/gm],
  ['helm/clipn-gate/README.md', /(image: clipn-gate:)([\w.-]+)/g],
  ['docker/compose.yaml', /(image: clipn-gate:)([\w.-]+)/g],
  ...['', '.gpu', '.models'].map((end): [string, RegExp] => [
    `docker/Dockerfile${end}`,
    /(org\.opencontainers\.image\.version=")([^"]+)/g,
  ]),
  ...['single', 'sidecar', 'central-cpu', 'central-gpu'].map((name): [string, RegExp] => [
    `test/helm/snapshots/${name}.yaml`,
    /(helm\.sh\/chart: clipn-gate-|app\.kubernetes\.io\/version: |image: clipn-gate:)(\d+\.\d+\.\d+)/g,
  ]),
];

export interface Place {
  file: string;
  /** The version as it stands there, once or several times. */
  found: string[];
  /** The file with another version. */
  rewritten(version: string): string;
}

/** Every place, as it is now. */
export function versionPlaces(): Place[] {
  return PLACES.map(([file, pattern]) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    return {
      file,
      found: [...text.matchAll(pattern)].map(([, , version]) => version as string),
      rewritten: (version) => text.replace(pattern, (_, before: string) => before + version),
    };
  });
}
