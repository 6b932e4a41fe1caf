import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import { isServerReady } from '../../http/routes/oip/description.ts';
import { call } from '../call.ts';
import { messageKind } from '../messages.ts';

const SERVICES = ['', 'inference.GRPCInferenceService', 'envoy.service.auth.v3.Authorization'];
const SERVING = 1;
const NOT_SERVING = 2;

/** `grpc.health.v1.Health/Check`: readiness, for probes and for balancers. */
export function healthCall(app: FastifyInstance): void {
  call(app, '/grpc.health.v1.Health/Check', {
    access: 'open',
    request: messageKind<{ service: string }>('grpc.health.v1.HealthCheckRequest'),
    reply: messageKind<{ status: number }>('grpc.health.v1.HealthCheckResponse'),
    handle: async ({ service }) => {
      if (SERVICES.includes(service)) return { status: isServerReady(app) ? SERVING : NOT_SERVING };
      // the protocol of the check asks for this status
      throw new ServiceError('tenant_not_found', `There is no service ${JSON.stringify(service.slice(0, 64))}.`);
    },
  });
}
