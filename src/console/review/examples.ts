import { callJson } from '../api/client.ts';
import { pathOf } from '../api/tenants.ts';
import { fileOf } from './captures.ts';
import type { CapturedImage } from './types.ts';

/** Adds images as examples of the classes that they are labelled with. @returns the number of images */
export async function addExamples(tenant: string, images: readonly CapturedImage[]): Promise<number> {
  const labelled = images.filter(({ label }) => label?.kind === 'class');
  for (const name of new Set(labelled.map(({ label }) => label?.label as string))) {
    const form = new FormData();
    for (const { sha256 } of labelled.filter(({ label }) => label?.label === name))
      form.append('file', await fileOf(tenant, sha256), sha256);
    await callJson(`${pathOf(tenant)}/classes/${encodeURIComponent(name)}/examples?add=true`, {
      method: 'PUT',
      body: form,
    });
  }
  return labelled.length;
}
