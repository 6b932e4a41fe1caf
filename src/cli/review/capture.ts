import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { printableJson } from '../../errors/printable.ts';
import type { CapturedImage, CaptureListReply } from '../../http/schemas/capture.ts';
import { table } from '../table.ts';
import { type ServiceClient, tenantPath } from '../tenants/client.ts';
import { confirmed } from '../tenants/confirm.ts';
import { UsageError } from '../usage-error.ts';

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
    throw new UsageError('The service sent an invalid name of a file.');
  const file = `${sha256}.${format}`;
  if (label?.kind === 'class') return join('id', folderName(label.label), file);
  return join(label?.kind === 'none' ? 'ood' : 'unlabelled', file);
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** Writes the kept images to a folder that `eval` reads; existing files are skipped. Returns the exit status. */
export async function exportCaptures(client: ServiceClient, tenant: string, folder: string): Promise<number> {
  const lines: string[] = [];
  let written = 0;
  for await (const image of imagesOf(client, tenant)) {
    const file = fileOf(image);
    const path = join(folder, file);
    lines.push(`${JSON.stringify({ file, ...image })}\n`);
    if (await exists(path)) continue;
    await mkdir(dirname(path), { recursive: true });
    // under another name first, so that an interrupted export leaves no half file that the next one skips
    await writeFile(`${path}.part`, await client.download(`${pathOf(tenant)}/${image.sha256}/image`));
    await rename(`${path}.part`, path);
    written++;
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'manifest.jsonl'), lines.join(''));
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
