import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { ServiceError } from '../../../errors/index.ts';
import { recordChange } from '../../audit.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

/** `DELETE /v1/admin/keys/{id}`: the key grants no access from then on. It stays in the list. */
export const keysRevoke: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: { id: string } }>(
    '/v1/admin/keys/:id',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'revokeKey',
        tags: ['access'],
        summary: 'Revokes an API key',
        params: Type.Object({ id: Type.String({ description: 'The part between clipn_ and the next underscore.' }) }),
        response: { 204: Type.Null(), ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const revoked = await app.access.keyring.revoke(id);
      if (!revoked) throw new ServiceError('key_not_found', 'There is no such key. GET /v1/admin/keys lists all keys.');
      const { record, changed } = revoked;
      if (changed) {
        await recordChange(request, {
          action: 'key.revoke',
          target: id,
          before: 1,
          after: 2,
          details: { name: record.name },
        });
      }
      return reply.code(204).send();
    },
  );
};
