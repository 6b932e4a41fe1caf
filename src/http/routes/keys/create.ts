import type { FastifyPluginAsync } from 'fastify';
import { recordChange } from '../../audit.ts';
import { CreatedKey, NewKey, toKeyView } from '../../schemas/key.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

/** `POST /v1/admin/keys`: the only reply that contains a complete key. */
export const keysCreate: FastifyPluginAsync = async (app) => {
  app.post<{ Body: NewKey }>(
    '/v1/admin/keys',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'createKey',
        tags: ['access'],
        summary: 'Creates an API key, which is shown once',
        body: NewKey,
        response: { 201: CreatedKey, ...ProblemResponses },
      },
    },
    async (request, reply): Promise<CreatedKey> => {
      const { name, scopes, expires_at: expiresAt = null, limits = {} } = request.body;
      const { keyring } = app.access;
      const by = request.principal.id || request.principal.name;
      const { key, record } = await keyring.create({ name, scopes, expiresAt, limits }, by);
      const details = { name, scopes: record.scopes, limits, expires_at: record.expires_at };
      await recordChange(request, { action: 'key.create', target: record.id, before: null, after: 1, details });
      reply.code(201).header('cache-control', 'no-store');
      return { ...toKeyView(record, keyring), key };
    },
  );
};
