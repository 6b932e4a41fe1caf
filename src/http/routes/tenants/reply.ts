import type { FastifyReply } from 'fastify';
import type { PutResult } from '../../../tenants/registry.ts';
import { entityTag, replyOf, type TenantReply } from '../../schemas/tenant.ts';

/** The answer to a change: 201 or 200 if the features are ready, else 202 with progress. */
export function answerChange(reply: FastifyReply, { created, view }: PutResult): TenantReply {
  const ready = view.state === 'ready';
  reply.header('etag', entityTag(view));
  if (created) reply.header('location', `/v1/tenants/${view.record.id}`);
  if (!ready) reply.header('retry-after', '1');
  reply.code(ready ? (created ? 201 : 200) : 202);
  return replyOf(reply.server.tenants, view);
}
