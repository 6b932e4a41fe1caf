import type { FastifyPluginAsync } from 'fastify';
import { manageTenantInPath } from '../../access.ts';
import { imageRoute } from '../../bodies/image-bodies.ts';
import { CalibrationJsonBody, CalibrationQuery, CalibrationReply } from '../../schemas/calibration.ts';
import { DetectBody } from '../../schemas/detect.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { ConditionalDetectHeaders, TenantParams } from '../../schemas/tenant.ts';
import { answerCalibration, type CalibrationRequest } from './handler.ts';

/** `POST /v1/tenants/{tenant}/calibration`: a threshold from images of the tenant's classes; it is durable before the reply. */
export const calibrationCreate: FastifyPluginAsync = async (app) => {
  const { fetchImage, options } = await imageRoute(app, manageTenantInPath);
  app.post<CalibrationRequest>(
    '/v1/tenants/:tenant/calibration',
    {
      ...options,
      schema: {
        operationId: 'calibrateTenant',
        tags: ['tenants'],
        summary: 'Calibrates the tenant with images of its classes',
        description:
          'Split conformal calibration: `keep` of the further images of the classes are kept on average, if they are like these images. 0.95 needs 19 ' +
          'images. The body has the forms of `POST /v1/detect`; in a form, the choices may be fields. JSON without images changes the choices only.',
        params: TenantParams,
        querystring: CalibrationQuery,
        headers: ConditionalDetectHeaders,
        body: { content: { ...DetectBody, 'application/json': { schema: CalibrationJsonBody } } },
        response: { 200: CalibrationReply, 201: CalibrationReply, ...ProblemResponses },
      },
    },
    (request, reply) => answerCalibration(fetchImage, request, reply),
  );
};
