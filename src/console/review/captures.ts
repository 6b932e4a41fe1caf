import { call, callJson, json } from '../api/client.ts';
import { pathOf } from '../api/tenants.ts';
import type { Sendable } from '../learn/portions.ts';
import type { CapturedImage, CaptureListReply, LabelWord, QualityReply } from './types.ts';

const PAGE = 1000;

/** All kept images of a tenant, page by page. */
export async function* capturePages(tenant: string, signal: AbortSignal): AsyncGenerator<CapturedImage[]> {
  for (let after: string | null = null; ; ) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after === null ? {} : { after }) });
    const reply: CaptureListReply = await callJson(`${pathOf(tenant)}/captures?${query}`, { signal });
    yield reply.images;
    if (reply.next === null) return;
    after = reply.next;
  }
}

export async function fileOf(tenant: string, sha256: string, signal?: AbortSignal): Promise<Blob> {
  const response = await call(`${pathOf(tenant)}/captures/${sha256}/image`, signal ? { signal } : {});
  return response.blob();
}

/** A kept image, for a request that takes images. */
export const keptImage = (tenant: string, { sha256, bytes }: CapturedImage): Sendable => ({
  name: sha256,
  bytes,
  file: () => fileOf(tenant, sha256),
});

export function putLabels(tenant: string, labels: { sha256: string; label: LabelWord }[]): Promise<unknown> {
  return callJson('v1/labels', { method: 'POST', ...json({ tenant, labels }) });
}

export function removeLabel(tenant: string, sha256: string): Promise<unknown> {
  return call(`${pathOf(tenant)}/labels/${sha256}`, { method: 'DELETE' });
}

export function removeImage(tenant: string, sha256: string): Promise<unknown> {
  return call(`${pathOf(tenant)}/captures/${sha256}`, { method: 'DELETE' });
}

export const qualityOf = (tenant: string) => callJson<QualityReply>(`${pathOf(tenant)}/quality`);
