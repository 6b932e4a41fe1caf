import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { printableJson } from '../../errors/printable.ts';
import type { CapturedImage, CaptureListReply } from '../../http/schemas/capture.ts';
import { table } from '../table.ts';
import { RequestError, type ServiceClient, tenantPath } from '../tenants/client.ts';
import { confirmed } from '../tenants/confirm.ts';
import { UsageError } from '../usage-error.ts';

const MANIFEST = 'manifest.jsonl';
/** The code of the service for an image that is not kept, or not kept any more. */
const REMOVED = 'capture_not_found';

const pathOf = (tenant: string) => `${tenantPath(tenant)}/captures`;

/** All kept images, page by page. */
async function* imagesOf(client: ServiceClient, tenant: string): AsyncGenerator<CapturedImage> {
  let after: string | null = null;
  do {
    const query: URLSearchParams = new URLSearchParams({ limit: '1000', ...(after === null ? {} : { after }) });
    const { body } = await client.request<CaptureListReply>('GET', `${pathOf(tenant)}?${query}`);
    yield* body.images;
    after = body.next;
  } while (after !== null);
}

/** Prints the kept images. Returns the exit status. */
export async function listCaptures(client: ServiceClient, tenant: string, json: boolean): Promise<number> {
  const rows: string[][] = [];
  for await (const image of imagesOf(client, tenant)) {
    const { sha256, captured_at, reason, verdict, label } = image;
    if (json) process.stdout.write(`${printableJson(image)}\n`);
    else rows.push([sha256, captured_at, reason, verdict.decision, verdict.prediction.class, label?.label ?? '-']);
  }
  const header = ['SHA-256', 'TIME', 'REASON', 'DECISION', 'PREDICTION', 'LABEL'];
  if (!json) process.stdout.write(`${table(header, rows, new Set())}\n`);
  return 0;
}

/** A class as the name of a folder: no separators, controls, or leading and trailing dots. */
function folderName(name: string): string {
  const encoded = (c: string) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  return name.replace(/[/\\:*?"<>|%]|\p{Cc}|^\.|[. ]$/gu, encoded);
}

function fileOf({ sha256, format, label }: CapturedImage): string {
  if (!/^[0-9a-f]{64}$/.test(sha256) || !/^[a-z0-9]{1,10}$/.test(format))
    throw new RequestError('not_the_service', 'The service sent an invalid name of a file.');
  const file = `${sha256}.${format}`;
  if (label?.kind === 'class') return join('id', folderName(label.label), file);
  return join(label?.kind === 'none' ? 'ood' : 'unlabelled', file);
}

/** Where the last export wrote each image, by its hash: the label of an image may have changed since. */
async function placesIn(folder: string): Promise<Map<string, string>> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  const records = lines.map((line) => JSON.parse(line) as { sha256: string; file: string });
  return new Map(records.map(({ sha256, file }) => [sha256, file]));
}

/** Moves the file of an earlier export to its present place. Returns whether the file is there. */
async function isThere(folder: string, file: string, before: string | undefined): Promise<boolean> {
  if (before !== undefined && before !== file) await rename(join(folder, before), join(folder, file)).catch(() => {});
  return access(join(folder, file)).then(
    () => true,
    () => false,
  );
}

/** Written under another name first, so that an interruption leaves no half file. */
async function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  await writeFile(`${path}.part`, bytes);
  await rename(`${path}.part`, path);
}

/** The original file; undefined if the image was removed meanwhile. */
async function originalOf(client: ServiceClient, tenant: string, sha256: string): Promise<Buffer | undefined> {
  try {
    return await client.download(`${pathOf(tenant)}/${sha256}/image`);
  } catch (error) {
    if (error instanceof RequestError && error.code === REMOVED) return undefined;
    throw error;
  }
}

/**
 * Writes the kept images to a folder that `eval` reads. Files of an earlier export stay; they are moved where the label has changed.
 * Returns the exit status.
 */
export async function exportCaptures(client: ServiceClient, tenant: string, folder: string): Promise<number> {
  const places = await placesIn(folder);
  const lines: string[] = [];
  let written = 0;
  for await (const image of imagesOf(client, tenant)) {
    const file = fileOf(image);
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    if (!(await isThere(folder, file, places.get(image.sha256)))) {
      const bytes = await originalOf(client, tenant, image.sha256);
      if (!bytes) continue;
      await writeWhole(path, bytes);
      written++;
    }
    lines.push(`${JSON.stringify({ file, ...image })}\n`);
  }
  await mkdir(folder, { recursive: true });
  await writeWhole(join(folder, MANIFEST), lines.join(''));
  process.stdout.write(`${tenant}: ${written} images written, ${lines.length - written} were there\n`);
  return 0;
}

/** Removes kept images, or all of them. Returns the exit status. */
export async function deleteCaptures(
  client: ServiceClient,
  tenant: string,
  hashes: string[],
  { all = false, yes }: { all?: boolean; yes?: boolean },
): Promise<number> {
  if (all === hashes.length > 0) throw new UsageError('Name the images by SHA-256, or use --all.');
  if (!all) {
    for (const hash of hashes) await client.request('DELETE', `${pathOf(tenant)}/${encodeURIComponent(hash)}`);
    return 0;
  }
  if (!(await confirmed(`Remove all kept images of ${tenant}?`, yes))) return 1;
  const { body } = await client.request<{ removed: number }>('DELETE', pathOf(tenant));
  process.stdout.write(`${tenant}: ${body.removed} images removed\n`);
  return 0;
}
