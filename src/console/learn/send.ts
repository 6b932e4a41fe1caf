import type { CalibrationReply } from '../../http/schemas/calibration.ts';
import type { ExamplesReply } from '../../http/schemas/examples.ts';
import { callJson, json, patiently } from '../api/client.ts';
import { pathOf } from '../api/tenants.ts';
import type { TenantReply } from '../api/types.ts';
import { portionsOf, type Sendable } from './portions.ts';

export interface CalibrationWish {
  keep: number;
  score: string;
  /** Called with the number of images that have been sent. */
  onSent?(images: number): void;
}

async function formOf(images: readonly Sendable[]): Promise<FormData> {
  const form = new FormData();
  for (const image of images) form.append('file', await image.file(), image.name);
  return form;
}

/** Calibrates a tenant with these images, in place of those before. @throws ApiError */
export async function calibrate(tenant: string, images: readonly Sendable[], wish: CalibrationWish) {
  const portions = portionsOf(images);
  const failed: NonNullable<CalibrationReply['failed']> = [];
  let reply: CalibrationReply | undefined;
  let sent = 0;
  for (const [i, portion] of portions.entries()) {
    // Until all are there, the threshold may only be as strict as their number allows. With half of them it still rejects none, and half may fail.
    const half = Math.max(1, Math.floor(((reply?.images ?? 0) + portion.length) / 2));
    const keep = i === portions.length - 1 ? wish.keep : Math.min(wish.keep, half / (half + 1));
    const query = new URLSearchParams({ keep: String(keep), score: wish.score, add: String(i > 0) });
    const body = await formOf(portion);
    const address = `${pathOf(tenant)}/calibration?${query}`;
    reply = await patiently(() => callJson<CalibrationReply>(address, { method: 'POST', body }));
    failed.push(...(reply.failed ?? []));
    sent += portion.length;
    wish.onSent?.(sent);
  }
  return { reply: reply as CalibrationReply, failed: failed.length };
}

/** Sets the examples of a class, or adds to them. @throws ApiError */
export async function sendExamples(
  tenant: string,
  name: string,
  images: readonly Sendable[],
  { add = false, onSent }: { add?: boolean; onSent?(images: number): void } = {},
): Promise<void> {
  let sent = 0;
  for (const portion of portionsOf(images)) {
    const query = new URLSearchParams({ add: String(add || sent > 0) });
    const address = `${pathOf(tenant)}/classes/${encodeURIComponent(name)}/examples?${query}`;
    const body = await formOf(portion);
    await patiently(() => callJson<ExamplesReply>(address, { method: 'PUT', body }));
    sent += portion.length;
    onSent?.(sent);
  }
}

/** Makes the calibration the tenant's own rule. @throws ApiError precondition_failed if the tenant has changed meanwhile */
export function decideByCalibration(tenant: TenantReply): Promise<TenantReply> {
  const definition = { ...tenant.definition, method: 'calibrated' };
  return callJson(pathOf(tenant.tenant), { method: 'PUT', ...json(definition, { 'if-match': tenant.etag }) });
}
