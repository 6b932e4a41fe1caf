import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { toCsv } from '../../../labels/index.ts';
import { reviewTenantInPath } from '../../access.ts';
import { LabelView, toLabelView } from '../../schemas/label.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

const Query = Type.Object({
  format: Type.Union([Type.Literal('json'), Type.Literal('jsonl'), Type.Literal('csv')], {
    default: 'json',
    description: 'jsonl and csv contain all labels.',
  }),
  after: Type.Optional(Type.String({ maxLength: 64, description: 'json: `next` of the previous page.' })),
  limit: Type.Integer({ default: 100, minimum: 1, maximum: 1000, description: 'json: labels of one page.' }),
});

const Reply = Type.Object({
  labels: Type.Array(LabelView),
  total: Type.Integer(),
  next: Type.Union([Type.String(), Type.Null()], { description: '`after` of the next page; null on the last.' }),
});

/** `GET /v1/tenants/{tenant}/labels`: in pages, or all of them as JSON lines or CSV. */
export const labelsList: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams; Querystring: Static<typeof Query> }>(
    '/v1/tenants/:tenant/labels',
    {
      config: { access: reviewTenantInPath },
      schema: {
        operationId: 'listLabels',
        tags: ['review'],
        summary: 'The labels of a tenant, in pages, or all as JSON lines or CSV',
        produces: ['application/json', 'application/x-ndjson', 'text/csv'],
        params: TenantParams,
        querystring: Query,
        response: { 200: Reply, ...ProblemResponses },
      },
    },
    async ({ params: { tenant }, query: { format, after, limit } }, reply) => {
      app.tenants.get(tenant);
      // in the order of the SHA-256, which stays the same while labels are added
      const all = [...(await app.capture.labels.all(tenant)).values()].sort((a, b) => (a.key < b.key ? -1 : 1));
      if (format !== 'json') {
        const text = format === 'csv' ? toCsv(all) : all.map((l) => `${JSON.stringify(toLabelView(l))}\n`).join('');
        return reply
          .type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson')
          .header('content-disposition', `attachment; filename="${tenant}-labels.${format}"`)
          .send(text);
      }
      const rest = all.filter(({ key }) => after === undefined || key > after);
      const page = rest.slice(0, limit);
      const next = rest.length > limit ? (page.at(-1)?.key ?? null) : null;
      return { labels: page.map(toLabelView), total: all.length, next };
    },
  );
};
