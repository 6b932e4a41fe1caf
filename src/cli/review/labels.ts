import { type ServiceClient, tenantPath } from '../tenants/client.ts';

/** Prints all labels. Returns the exit status. */
export async function exportLabels(client: ServiceClient, tenant: string, format: 'jsonl' | 'csv'): Promise<number> {
  process.stdout.write(await client.download(`${tenantPath(tenant)}/labels?format=${format}`));
  return 0;
}

/** Labels one image. Returns the exit status. */
export async function setLabel(client: ServiceClient, tenant: string, sha256: string, label: string): Promise<number> {
  await client.request('POST', '/v1/labels', { body: { tenant, sha256, label } });
  return 0;
}
