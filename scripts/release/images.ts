import { quietly } from './run.ts';

/** Images of a release, by the names that --images takes. */
const DOCKERFILES: Record<string, string> = {
  service: 'Dockerfile',
  models: 'Dockerfile.models',
  gpu: 'Dockerfile.gpu',
};
const NAMES = Object.keys(DOCKERFILES);
const LIST = /^[a-z]+(,[a-z]+)*$/;

/** The arguments with a list after `--images`, because parseArgs knows no option whose value may be left out. */
export function withList(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    if (arg === '--images') return LIST.test(args[i + 1] ?? '') ? [arg] : [arg, 'all'];
    return [arg];
  });
}

/** Names of a list; those of all images for `all`, and none without a list. */
export const listed = (list: string | undefined): string[] =>
  list === undefined ? [] : list === 'all' ? NAMES : list.split(',');

/** A sentence for each name that is no image. */
export const unknownImages = (names: readonly string[]): string[] =>
  names
    .filter((name) => !NAMES.includes(name))
    .map((name) => `--images: there is no image "${name.slice(0, 40)}"; the images are ${NAMES.join(', ')}.`);

/** Builds images and prints and returns a line for each, with its name and its digest. */
export function buildImages(clone: string, names: readonly string[]): string {
  const lines = names.map((name) => {
    const line = quietly('docker/image.sh', [DOCKERFILES[name] as string], clone);
    process.stdout.write(`image ${line}`);
    return line;
  });
  return lines.join('');
}
