import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { AuditEntry } from '../../../access/index.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

const AuditQuery = Type.Object({
  before: Type.Optional(Type.String({ description: '`next` of the previous page.' })),
  target: Type.Optional(Type.String({ description: 'Only changes of this tenant or key.' })),
  limit: Type.Integer({ default: 100, minimum: 1, maximum: 1000 }),
});

const AuditReply = Type.Object(
  {
    entries: Type.Array(AuditEntry, { description: 'The newest first.' }),
    next: Type.Union([Type.String(), Type.Null()], { description: '`before` of the next page; null on the last.' }),
  },
  { title: 'AuditPage' },
);

/** `GET /v1/admin/audit`: all changes, with author and time. */
export const auditList: FastifyPluginAsync = async (app) => {
  app.get<{ Querystring: Static<typeof AuditQuery> }>(
    '/v1/admin/audit',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'listChanges',
        tags: ['access'],
        summary: 'The audit log, in pages',
        querystring: AuditQuery,
        response: { 200: AuditReply, ...ProblemResponses },
      },
    },
    async ({ query }): Promise<Static<typeof AuditReply>> => app.access.audit.read(query),
  );
};
