import type { FastifyPluginAsync } from 'fastify';
import { detectTenantInQuery } from '../../access.ts';
import { imageRoute } from '../../bodies/image-bodies.ts';
import { DetectBody, DetectHeaders, DetectQuery, DetectReply } from '../../schemas/detect.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { answerDetect } from './handler.ts';

/** `POST /v1/detect`: images in, verdicts out. Out-of-distribution is a result and not an error, so its status is 200. */
export const detectRoute: FastifyPluginAsync = async (app) => {
  const { fetchImage, options } = await imageRoute(app, detectTenantInQuery);
  app.post<{ Querystring: DetectQuery; Headers: DetectHeaders }>(
    '/v1/detect',
    {
      ...options,
      schema: {
        operationId: 'detect',
        tags: ['detect'],
        summary: 'Which class does the image show, and does it show any?',
        description:
          'Body: multipart/form-data with one or many files, one image as image/* or application/octet-stream, or JSON with base64. ' +
          'In a request with several images, one that cannot be judged has its error in `results`; the only image of a request is answered with its own problem document.',
        querystring: DetectQuery,
        headers: DetectHeaders,
        body: { content: DetectBody },
        response: { 200: DetectReply, ...ProblemResponses },
      },
    },
    (request, reply) => answerDetect(fetchImage, request, reply),
  );
};
