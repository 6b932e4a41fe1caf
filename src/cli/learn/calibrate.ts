import { defined } from '../../defined.ts';
import { printableJson } from '../../errors/printable.ts';
import type { CalibrationQuery, CalibrationReply } from '../../http/schemas/calibration.ts';
import { type ServiceClient, tenantPath } from '../tenants/client.ts';
import { uploadsOf } from './uploads.ts';

export interface CalibrateOptions {
  keep?: number;
  certainKeep?: number;
  score?: CalibrationQuery['score'];
  add?: boolean;
  json?: boolean;
}

/** Calibrates a tenant with the images of files and folders; without any, the choices change. Returns the exit status. */
export async function calibrateTenant(
  client: ServiceClient,
  tenant: string,
  paths: string[],
  options: CalibrateOptions,
): Promise<number> {
  const path = `${tenantPath(tenant)}/calibration`;
  const { keep, certainKeep: certain_keep, score, add = false } = options;
  const choices = defined({ keep, certain_keep, score });
  const changes = Object.keys(choices).length > 0;
  if (paths.length === 0) {
    const { body } = await client.request<CalibrationReply>(
      changes ? 'POST' : 'GET',
      path,
      changes ? { body: choices } : {},
    );
    return report(body, [], options);
  }
  const failed: NonNullable<CalibrationReply['failed']> = [];
  let last: CalibrationReply | undefined;
  const uploads = uploadsOf(paths);
  let upload = await uploads.next();
  while (!upload.done) {
    const { form, images } = upload.value;
    upload = await uploads.next();
    const whole = upload.done === true;
    // Until all images are there, the threshold may only be as strict as their number allows. With half of it it still rejects none, and half may fail.
    const half = Math.max(1, Math.floor(((last?.images ?? 0) + images) / 2));
    const now: CalibrationQuery = whole
      ? choices
      : { ...defined({ score }), keep: Math.min(keep ?? 0.95, half / (half + 1)) };
    const query = queryOf(now);
    if (add || last) query.set('add', 'true');
    if (whole && last && keep === undefined) query.set('keep', '0.95');
    last = (await client.request<CalibrationReply>('POST', `${path}?${query}`, { form })).body;
    failed.push(...(last.failed ?? []));
  }
  return report(last as CalibrationReply, failed, options);
}

/** The choices as query parameters. */
function queryOf(choices: CalibrationQuery): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(choices)) if (value !== undefined) query.set(name, String(value));
  return query;
}

function report(
  reply: CalibrationReply,
  failed: NonNullable<CalibrationReply['failed']>,
  { json }: CalibrateOptions,
): number {
  if (json) process.stdout.write(`${printableJson({ ...reply, ...(failed.length > 0 && { failed }) })}\n`);
  else {
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    const {
      tenant,
      images,
      keep,
      score,
      threshold,
      kept_share: kept,
      leave_one_out: one,
      state,
      stale_because: why,
    } = reply;
    process.stdout.write(
      [
        `${tenant}: calibrated with ${images} images (version ${reply.version})${state === 'stale' ? `, stale: other ${why}` : ''}`,
        `  keep ${keep} of the images of the classes: ${score} of at least ${threshold.toPrecision(6)}`,
        `  kept of further images: ${percent(kept.expected)} on average, 95 % interval ${percent(kept.low)} to ${percent(kept.high)}`,
        `  kept of these, each by the others: ${one.kept} of ${images}`,
        '',
      ].join('\n'),
    );
  }
  for (const { id, error } of failed) process.stderr.write(`${id}: ${error.detail} (${error.code})\n`);
  return failed.length > 0 ? 1 : 0;
}

/** Removes the calibration of a tenant. Returns the exit status. */
export async function removeCalibration(client: ServiceClient, tenant: string): Promise<number> {
  await client.request('DELETE', `${tenantPath(tenant)}/calibration`);
  return 0;
}
