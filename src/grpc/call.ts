import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { defined } from '../defined.ts';
import { ServiceError } from '../errors/index.ts';
import { detectAnyTenant, type RouteAccess } from '../http/access.ts';
import type { ModelParams } from '../http/schemas/oip.ts';
import { answerMessage } from './answer.ts';
import type { MessageKind } from './messages.ts';

/** Largest message that carries no images, bytes. */
const SMALL = 64 * 1024;

export interface GrpcCall<Q extends object, A extends object> {
  /** A key for the verdicts of any tenant, where it is not said otherwise; `handle` then checks the tenant of the message. */
  access?: RouteAccess;
  /** The message may be as large as a body; otherwise `SMALL` bytes, since calls without a key must not fill the memory for bodies. */
  large?: boolean;
  request: MessageKind<Q>;
  reply: MessageKind<A>;
  handle(message: Q, request: FastifyRequest, reply: FastifyReply): Promise<Partial<A>>;
}

/** Registers a unary call. Its path is `/package.Service/Method`. */
export function call<Q extends object, A extends object>(
  app: FastifyInstance,
  path: string,
  { access = detectAnyTenant, large = false, request: asked, reply: answered, handle }: GrpcCall<Q, A>,
): void {
  const bodyLimit = large ? app.config.maxBodyBytes : Math.min(SMALL, app.config.maxBodyBytes);
  app.post(path, { config: { access }, bodyLimit }, async (request, reply) => {
    const message = asked.decode(request.body as Buffer);
    answerMessage(reply, answered.encode(await handle(message, request, reply)));
  });
}

/** The tenant and the version that a message names. No version is any version. */
export const modelParams = (tenant: string, version: string): ModelParams => ({
  tenant,
  ...defined({ version: version === '' ? undefined : version }),
});

/** @throws ServiceError forbidden: the same answer for existing and unknown tenants */
export function mayDetect({ principal }: FastifyRequest, tenant: string): void {
  if (principal.may({ scope: 'detect', tenant })) return;
  throw new ServiceError(
    'forbidden',
    `This API key does not permit the operation. It needs the scope detect:${tenant.slice(0, 64)}.`,
  );
}
