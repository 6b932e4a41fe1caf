import { printable, printableJson } from '../../errors/printable.ts';
import type { ExamplesReply } from '../../http/schemas/examples.ts';
import { type ServiceClient, tenantPath } from '../tenants/client.ts';
import { uploadsOf } from './uploads.ts';

const pathOf = (tenant: string, name: string) => `${tenantPath(tenant)}/classes/${encodeURIComponent(name)}/examples`;

/** Sets or adds examples of a class from files and folders. Returns the exit status. */
export async function setExamples(
  client: ServiceClient,
  [tenant, name]: [string, string],
  paths: string[],
  { add = false, keep = false, json = false }: { add?: boolean; keep?: boolean; json?: boolean },
): Promise<number> {
  let last: ExamplesReply | undefined;
  let failures = 0;
  for await (const { form } of uploadsOf(paths)) {
    const query = new URLSearchParams({ add: String(add || last !== undefined), keep: String(keep) });
    last = (await client.request<ExamplesReply>('PUT', `${pathOf(tenant, name)}?${query}`, { form })).body;
    for (const { id, error } of (last.failed ?? []) as { id: string; error: { detail: string; code: string } }[]) {
      failures++;
      process.stderr.write(`${printable(id)}: ${printable(error.detail)} (${error.code})\n`);
    }
  }
  const { failed: _, ...reply } = last as ExamplesReply;
  if (json) process.stdout.write(`${printableJson(reply)}\n`);
  else
    process.stdout.write(
      `${tenant}: ${printable(name)} has ${reply.examples.length} examples (version ${reply.tenant_version})\n`,
    );
  return failures > 0 ? 1 : 0;
}

/** Prints the SHA-256 of each example. Returns the exit status. */
export async function listExamples(
  client: ServiceClient,
  [tenant, name]: [string, string],
  { json = false }: { json?: boolean },
): Promise<number> {
  const { body } = await client.request<ExamplesReply>('GET', pathOf(tenant, name));
  if (json) process.stdout.write(`${printableJson(body)}\n`);
  else
    for (const { sha256, added_at, picture } of body.examples)
      process.stdout.write(`${sha256} ${added_at}${picture ? ' kept' : ''}\n`);
  if (body.lacking)
    process.stderr.write('Another model embedded these examples; they do not count until they are sent again.\n');
  return 0;
}

/** Removes all examples of a class, or one. Returns the exit status. */
export async function deleteExamples(
  client: ServiceClient,
  [tenant, name]: [string, string],
  { sha256 }: { sha256?: string },
): Promise<number> {
  await client.request(
    'DELETE',
    pathOf(tenant, name) + (sha256 === undefined ? '' : `?sha256=${encodeURIComponent(sha256)}`),
  );
  return 0;
}
