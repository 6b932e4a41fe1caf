import type { FastifyPluginAsync } from 'fastify';
import { detectTenantInQuery } from '../../access.ts';
import { refuseEarly } from '../../admission.ts';
import { acceptImages } from '../../bodies/image-bodies.ts';
import { valuesOfImages } from '../../bodies/parsers.ts';
import { remoteImages } from '../../remote/index.ts';
import { DetectBody, DetectHeaders, DetectQuery, DetectReply } from '../../schemas/detect.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { answerDetect } from './handler.ts';

/** `POST /v1/detect`: images in, verdicts out. Out-of-distribution is a result and not an error, so its status is 200. */
export const detectRoute: FastifyPluginAsync = async (app) => {
  const { maxBodyBytes, maxImages, imageUrls } = app.config;
  const fetchImage = remoteImages(imageUrls, process.env);
  await acceptImages(app);
  app.post<{ Querystring: DetectQuery; Headers: DetectHeaders }>(
    '/v1/detect',
    {
      config: { access: detectTenantInQuery, jsonValues: valuesOfImages(maxImages), jsonText: maxBodyBytes },
      onRequest: refuseEarly,
      schema: {
        operationId: 'detect',
        tags: ['detect'],
        summary: 'Which class does the image show, and does it show any?',
        description:
          'Body: multipart/form-data with one or many files, one image as image/* or application/octet-stream, or JSON with base64. ' +
          'One bad image among several fails alone, inside `results`; a single bad image is answered with its own problem document.',
        querystring: DetectQuery,
        headers: DetectHeaders,
        body: { content: DetectBody },
        response: { 200: DetectReply, ...ProblemResponses },
      },
    },
    (request, reply) => answerDetect(fetchImage, request, reply),
  );
};
