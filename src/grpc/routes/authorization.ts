import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import { departureOf } from '../../http/departure.ts';
import { type Authorisation, Authorizer, clientRoute } from '../../http/routes/ext-authz/authorizer.ts';
import { call, mayDetect } from '../call.ts';
import { messageKind } from '../messages.ts';
import { STATUS } from '../status.ts';
import { type CheckMessage, clientOf } from './check-message.ts';

interface HeaderOption {
  header: { key: string; value: string };
  append_action: number;
}

interface CheckReply {
  status: { code: number; message?: string };
  ok_response?: { headers: HeaderOption[]; headers_to_remove: string[]; response_headers_to_add: HeaderOption[] };
  denied_response?: { status: { code: number }; headers: HeaderOption[]; body: string };
}

/** The body, as text or bytes, is in the request (4) of the attributes (1). */
const BOUNDS = { 1: { 4: { 2: { 3: {}, 11: 'any', 12: 'any', 13: { 1: {} } } }, 10: {} } } as const;
/** Replaces a header of the name, or adds it. */
const OVERWRITE = 2;
/** Fields of the gate's own, in the spellings that servers take for one. */
const OWN = /^x[-_]clipn[-_]/i;

const options = (fields: readonly [string, string][]): HeaderOption[] =>
  fields.map(([key, value]) => ({ header: { key, value }, append_action: OVERWRITE }));

/**
 * `envoy.service.auth.v3.Authorization/Check`: external authorization over gRPC, by the same rules as over HTTP. A request that
 * may pass gets x-clipn-* headers and loses those that its client sent. Without a verdict the call fails with UNAVAILABLE, so
 * that the proxy's own setting decides (Envoy: failure_mode_allow).
 */
export function authorizationCall(app: FastifyInstance): void {
  const authorizer = new Authorizer(app);
  call(app, '/envoy.service.auth.v3.Authorization/Check', {
    large: true,
    request: messageKind<CheckMessage>('envoy.service.auth.v3.CheckRequest', BOUNDS),
    reply: messageKind<CheckReply>('envoy.service.auth.v3.CheckResponse'),
    handle: (message, request, reply) => check(app, authorizer, message, request, reply),
  });
}

async function check(
  app: FastifyInstance,
  authorizer: Authorizer,
  message: CheckMessage,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<CheckReply> {
  const { client, forged } = clientOf(message, request.headers, OWN);
  const found = clientRoute(app, client);
  if (found) mayDetect(request, found.tenant);
  const authorisation = await authorizer.decide(request, client, departureOf(reply));
  return replyOf(authorisation, forged);
}

function replyOf({ status, forUpstream, forClient, refusal }: Authorisation, forged: readonly string[]): CheckReply {
  if (status === 200) {
    const set = new Set(forUpstream.map(([name]) => name));
    return {
      status: { code: STATUS.OK },
      ok_response: {
        headers: options(forUpstream),
        headers_to_remove: forged.filter((name) => !set.has(name)),
        response_headers_to_add: options(forClient),
      },
    };
  }
  if (status === 503) {
    throw new ServiceError('engine_unavailable', 'There is no verdict on this request.', { retryAfterSeconds: 1 });
  }
  const { type, body } = refusal as NonNullable<Authorisation['refusal']>;
  return {
    status: { code: STATUS.PERMISSION_DENIED, message: 'refused by clipn-gate' },
    denied_response: { status: { code: status }, headers: options([['content-type', type], ...forClient]), body },
  };
}
