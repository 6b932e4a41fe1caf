import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { manageAnyTenant } from '../../access.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantStateSchema, TenantSummary, toSummary } from '../../schemas/tenant.ts';

const ListQuery = Type.Object({
  after: Type.Optional(Type.String({ description: 'The id to continue after: `next` of the previous page.' })),
  limit: Type.Integer({ default: 100, minimum: 1, maximum: 1000 }),
  prefix: Type.Optional(Type.String({ description: 'Only ids with this prefix.' })),
  state: Type.Optional(TenantStateSchema),
  class: Type.Optional(Type.String({ description: 'Only tenants with a class of exactly this name.' })),
  source: Type.Optional(
    Type.Union([Type.Literal('api'), Type.Literal('file')], {
      description: 'Only tenants created with the API, or only those of the watched directory.',
    }),
  ),
});

const ListReply = Type.Object(
  {
    tenants: Type.Array(TenantSummary),
    next: Type.Union([Type.String(), Type.Null()], {
      description: '`after` of the next page; null on the last.',
    }),
  },
  { title: 'TenantPage' },
);

/** `GET /v1/tenants`: the tenants that the key may manage, in order of id, in pages, filtered. */
export const tenantsList: FastifyPluginAsync = async (app) => {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/v1/tenants',
    {
      config: { access: manageAnyTenant },
      schema: {
        operationId: 'listTenants',
        tags: ['tenants'],
        summary: 'The tenants that the key may manage, in pages, filtered',
        querystring: ListQuery,
        response: { 200: ListReply, ...ProblemResponses },
      },
    },
    async (request) => {
      const { tenants, next } = app.tenants.list({
        ...request.query,
        visible: (id) => request.principal.may({ scope: 'manage', tenant: id }),
      });
      return { tenants: tenants.map(toSummary), next };
    },
  );
};
