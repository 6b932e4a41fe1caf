import type { FastifyReply, FastifyRequest } from 'fastify';
import { defined } from '../../../defined.ts';
import { ServiceError } from '../../../errors/index.ts';
import type { CalibrationState } from '../../../tenants/calibration/change.ts';
import { calibrate } from '../../../tenants/calibration/revise.ts';
import { changeOptions } from '../../audit.ts';
import { readImages } from '../../bodies/read-images.ts';
import { departureOf } from '../../departure.ts';
import { type WithVerdict, withAndWithoutVerdict } from '../../failed-images.ts';
import { checkLimits, judge } from '../../judge.ts';
import type { FetchImage } from '../../remote/index.ts';
import {
  type CalibrationJsonBody,
  CalibrationQuery,
  type CalibrationReply,
  toCalibrationReply,
} from '../../schemas/calibration.ts';
import type { ConditionalDetectHeaders, TenantParams } from '../../schemas/tenant.ts';

export interface CalibrationRequest {
  Params: TenantParams;
  Querystring: CalibrationQuery;
  Headers: ConditionalDetectHeaders;
}

/** Judges the images of the request with the serving version, and stores the calibration that follows. */
export async function answerCalibration(
  fetchImage: FetchImage,
  request: FastifyRequest<CalibrationRequest>,
  reply: FastifyReply,
): Promise<CalibrationReply> {
  const { config, tenants } = request.server;
  const { tenant } = request.params;
  // before the body is read, so that a request for an unknown tenant fails before its upload
  tenants.resolve(tenant);
  checkLimits(request, reply, tenant);

  const form: Record<string, string> = {};
  const take = (name: string) => {
    const set = (text: string) => {
      form[name] = text;
    };
    return [name, set] as const;
  };
  const images = await readImages(
    request,
    {
      ...config,
      fields: new Map(Object.keys(CalibrationQuery.properties).map(take)),
      optional: !request.isMultipart(),
    },
    { fetchImage, signal: departureOf(reply) },
  );
  const { images: _, ...json } = jsonOf(request.body);
  const { add, ...choices } = { ...request.query, ...choicesOf(request, form), ...json };
  request.body = undefined;

  const serving = tenants.resolve(tenant);
  const asked = { tenant, serving, method: serving.uncalibratedMethod, images, topK: 0, uncounted: true };
  const judged = images.length === 0 ? [] : await judge(request, reply, asked);
  const { scored, failed } = withAndWithoutVerdict(judged);
  const existed = tenants.calibration(tenant) !== undefined;
  const { view } = await calibrate(
    tenants,
    tenant,
    { choices, ...defined({ images: images.length > 0 ? scored.map(scoresOf) : undefined, add }) },
    { by: images.length > 0 ? serving : undefined, ...changeOptions(request, 'tenant.calibrate', tenant) },
  );
  reply.code(existed ? 200 : 201);
  const state = tenants.calibration(tenant) as CalibrationState;
  return { ...toCalibrationReply(tenant, view.record.version, state), ...(failed.length > 0 && { failed }) };
}

const jsonOf = (body: unknown): CalibrationJsonBody =>
  body && !Buffer.isBuffer(body) ? (body as CalibrationJsonBody) : {};

/** The choices in the fields of a form. @throws ServiceError invalid_request */
function choicesOf(request: FastifyRequest, form: Record<string, string>): CalibrationQuery {
  const validate = request.compileValidationSchema(CalibrationQuery, 'querystring');
  if (validate(form)) return form as CalibrationQuery;
  const [fault] = (validate as { errors?: { instancePath: string; message?: string }[] }).errors ?? [];
  throw new ServiceError(
    'invalid_request',
    `The form is not valid: ${fault?.instancePath.slice(1)} ${fault?.message}.`,
  );
}

const scoresOf = ({ detection: { image, scores } }: WithVerdict) => ({ sha256: image.sha256, scores });
