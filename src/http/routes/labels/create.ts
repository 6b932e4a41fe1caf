import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { CaptureRecord } from '../../../capture/index.ts';
import { defined } from '../../../defined.ts';
import { ServiceError } from '../../../errors/index.ts';
import type { LabelRecord } from '../../../labels/index.ts';
import { nameOf } from '../../../tenants/classes.ts';
import { reviewAnyTenant } from '../../access.ts';
import { recordChange } from '../../audit.ts';
import { LabelBody, LabelView, labelOf, toLabelView } from '../../schemas/label.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { requestOf } from './request-of.ts';

const Reply = Type.Object({ labels: Type.Array(LabelView) });

/** `POST /v1/labels`: the labels are durable before the reply. */
export const labelsCreate: FastifyPluginAsync = async (app) => {
  app.post<{ Body: LabelBody }>(
    '/v1/labels',
    {
      config: { access: reviewAnyTenant },
      schema: {
        operationId: 'putLabels',
        tags: ['review'],
        summary: 'Labels one image or several',
        description:
          'An image is named by its SHA-256, or by the id of its request. A later label replaces an earlier one. Labels of images that are not kept are stored too, but do not count for error rates.',
        body: LabelBody,
        response: { 200: Reply, ...ProblemResponses },
      },
    },
    async (request): Promise<Static<typeof Reply>> => {
      const { tenant, by = request.principal.name } = request.body;
      // the tenant is in the body, so the route itself checks the scope
      if (!request.principal.may({ scope: 'review', tenant }))
        throw new ServiceError(
          'forbidden',
          `This API key does not permit the operation. It needs the scope review:${tenant}.`,
        );
      const { record } = app.tenants.get(tenant);
      const { kept, labels, quality } = app.capture;
      const wanted = requestOf(request.body, await kept.all(tenant));
      checkClasses(wanted, new Set(record.definition.classes.map(nameOf)));
      const at = new Date().toISOString();
      const records = await Promise.all(
        wanted.map(async ({ sha256, label }): Promise<LabelRecord> => {
          const image = await kept.get(tenant, sha256);
          return { key: sha256, label: labelOf(label), by, at, verdict: image ? labelled(image) : null };
        }),
      );
      await labels.put(tenant, records);
      quality.changed();
      await recordLabels(request, tenant, record.version, records);
      for (const { label } of records)
        app.metrics.labels.inc({ tenant: app.metrics.tenantLabel(tenant), label: label.kind });
      return { labels: records.map(toLabelView) as Static<typeof LabelView>[] };
    },
  );
};

/** @throws ServiceError invalid_request */
function checkClasses(wanted: ReturnType<typeof requestOf>, classes: ReadonlySet<string>): void {
  for (const { label } of wanted) {
    const meant = labelOf(label);
    if (meant.kind !== 'class' || classes.has(meant.class)) continue;
    const shown = JSON.stringify(meant.class.slice(0, 100));
    throw new ServiceError('invalid_request', `${shown} is not a class of the tenant, nor "none" or "unsure".`);
  }
}

/** The facts that stay with the label. */
function labelled(image: CaptureRecord): LabelRecord['verdict'] {
  const { captured_at, tenant_version, model, features, negatives, decisions, scores, prediction, stratum, weight } =
    image;
  const { no_probability, ood_probability } = image;
  return {
    captured_at,
    tenant_version,
    model,
    features,
    ...defined({ negatives }),
    decisions,
    scores,
    prediction,
    no_probability,
    ood_probability,
    stratum,
    weight,
  };
}

function recordLabels(
  request: FastifyRequest,
  target: string,
  version: number,
  records: readonly LabelRecord[],
): Promise<void> {
  const [first] = records;
  const details = { images: records.length, ...(records.length === 1 ? { sha256: first?.key } : {}) };
  return recordChange(request, { action: 'tenant.label', target, before: version, after: version, details });
}
