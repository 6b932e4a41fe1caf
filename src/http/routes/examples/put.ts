import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../../../errors/index.ts';
import { checkClass } from '../../../tenants/examples/change.ts';
import { addExamples } from '../../../tenants/examples/revise.ts';
import { manageTenantInPath } from '../../access.ts';
import { changeOptions } from '../../audit.ts';
import { imageRoute } from '../../bodies/image-bodies.ts';
import { readImages } from '../../bodies/read-images.ts';
import { departureOf } from '../../departure.ts';
import { withAndWithoutVerdict } from '../../failed-images.ts';
import { checkLimits, judge } from '../../judge.ts';
import type { FetchImage } from '../../remote/index.ts';
import { DetectBody } from '../../schemas/detect.ts';
import { ExamplesParams, ExamplesQuery, ExamplesReply, toExamplesReply } from '../../schemas/examples.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { ConditionalDetectHeaders } from '../../schemas/tenant.ts';

interface Put {
  Params: ExamplesParams;
  Querystring: ExamplesQuery;
  Headers: ConditionalDetectHeaders;
}

/** `PUT /v1/tenants/{tenant}/classes/{class}/examples`: images beside the name of a class; their embeddings are durable before the reply. */
export const examplesPut: FastifyPluginAsync = async (app) => {
  const { fetchImage, options } = await imageRoute(app, manageTenantInPath);
  app.put<Put>(
    '/v1/tenants/:tenant/classes/:class/examples',
    {
      ...options,
      schema: {
        operationId: 'putExamples',
        tags: ['tenants'],
        summary: 'Sets the example images of a class',
        description:
          "The class's feature becomes a mix of its name and its examples, as a new version of the tenant. Kept are the embeddings and the SHA-256 of the " +
          'images, and with `keep=true` the images themselves, so that another model can embed them. The body has the forms of `POST /v1/detect`; a class has at most 100 examples, a tenant 1000.',
        params: ExamplesParams,
        querystring: ExamplesQuery,
        headers: ConditionalDetectHeaders,
        body: { content: DetectBody },
        response: { 200: ExamplesReply, ...ProblemResponses },
      },
    },
    (request, reply) => answer(fetchImage, request, reply),
  );
};

async function answer(
  fetchImage: FetchImage,
  request: FastifyRequest<Put>,
  reply: FastifyReply,
): Promise<ExamplesReply> {
  const { config, tenants } = request.server;
  const { tenant, class: name } = request.params;
  // before the body is read, so that a request for an unknown class fails before its upload
  tenants.resolve(tenant);
  checkClass(tenants.get(tenant).record, name);
  checkLimits(request, reply, tenant);
  const images = await readImages(request, config, { fetchImage, signal: departureOf(reply) });
  request.body = undefined;

  const serving = tenants.resolve(tenant);
  const asked = {
    tenant,
    serving,
    method: serving.uncalibratedMethod,
    images,
    topK: 0,
    uncounted: true,
    embedding: true,
  };
  const judged = await judge(request, reply, asked);
  const { scored, failed } = withAndWithoutVerdict(judged);
  if (scored.length === 0)
    throw new ServiceError('no_image', 'None of the images could be embedded.', { extra: { failed } });
  const { add, keep } = request.query;
  const bytesOf = new Map(keep ? judged.map((image, i) => [image, images[i]?.bytes]) : []);
  const embedded = scored.map((one) => {
    const { image, embedding } = one.detection;
    const bytes = bytesOf.get(one);
    const picture = bytes instanceof Uint8Array ? { format: image.format, bytes } : undefined;
    return { sha256: image.sha256, embedding: embedding as Float32Array, picture };
  });
  const { view } = await addExamples(
    { tenants, pictures: request.server.capture.pictures },
    tenant,
    { class: name, images: embedded, add, model: serving.pins.model },
    changeOptions(request, 'tenant.examples.put', tenant),
  );
  return { ...toExamplesReply(view.record, name, false), ...(failed.length > 0 && { failed }) };
}
