import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type Client,
  credentials,
  type ServiceError as GrpcError,
  loadPackageDefinition,
  Metadata,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { FastifyInstance } from 'fastify';
import { buildGrpcApp, type GrpcApp } from '../../src/grpc/app.ts';
import { ROOT } from './paths.ts';

/** What .proto files describe is read at run time, so its types are not known. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Message = any;

/** The outcome of a call: the message, or status and code of the error. */
export interface Outcome {
  message?: Message;
  status?: number;
  code?: string | undefined;
  details?: string;
  retryAfter?: string | undefined;
  /** Leading metadata. */
  metadata: Record<string, unknown>;
}

export interface GrpcClient {
  call(
    method: string,
    message?: object,
    options?: { metadata?: Record<string, string>; deadlineMs?: number },
  ): Promise<Outcome>;
  client: Client;
}

const DEFINITIONS = Object.fromEntries(
  [
    ['inference', 'open_inference.proto', 'GRPCInferenceService'],
    ['envoy.service.auth.v3', 'external_auth.proto', 'Authorization'],
    ['grpc.health.v1', 'health.proto', 'Health'],
  ].map(([name, file, service]) => [service, { name, file, service }]),
);

/** A client of @grpc/grpc-js for one service, over a real socket. */
export function grpcClient(
  t: Pick<TestContext, 'after'>,
  address: string,
  service: string,
  options: object = {},
): GrpcClient {
  const { name, file } = DEFINITIONS[service] as { name: string; file: string };
  const definition = loadSync(join(ROOT, 'proto', file), { keepCase: true, longs: Number, defaults: true });
  const root = loadPackageDefinition(definition);
  const scope = name.split('.').reduce((at: Message, piece) => at[piece], root);
  const client: Client & Record<string, Message> = new scope[service](address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    ...options,
  });
  t.after(() => client.close());
  return {
    client,
    call: (method, message = {}, { metadata = {}, deadlineMs = 20_000 } = {}) =>
      new Promise((resolve) => {
        const sent = new Metadata();
        for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
        const leading: Record<string, unknown> = {};
        const call = client[method](
          message,
          sent,
          { deadline: Date.now() + deadlineMs },
          (error: GrpcError | null, reply: unknown) =>
            resolve(
              error
                ? {
                    status: error.code,
                    code: error.metadata?.get('clipn-code')[0] as string | undefined,
                    retryAfter: error.metadata?.get('retry-after')[0] as string | undefined,
                    details: error.details,
                    metadata: leading,
                  }
                : { message: reply, metadata: leading },
            ),
        );
        call.on('metadata', (m: Metadata) => Object.assign(leading, m.getMap()));
      }),
  };
}

/** The gRPC interface of an application of the tests, listening on a free port. */
export async function listeningGrpc(
  t: Pick<TestContext, 'after'>,
  app: FastifyInstance,
): Promise<{ grpc: GrpcApp; address: string; port: number }> {
  const grpc = await buildGrpcApp(app);
  const address = (await grpc.listen({ host: '127.0.0.1', port: 0 })).replace(/^http:\/\//, '');
  t.after(async () => {
    grpc.closeAllConnections();
    await grpc.close();
  });
  return { grpc, address, port: Number(address.split(':')[1]) };
}
