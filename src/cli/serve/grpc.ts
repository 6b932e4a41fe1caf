import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/index.ts';
import type { GrpcApp } from '../../grpc/app.ts';
import { ListenError, listen } from './listen.ts';

export interface OpenGrpc extends Omit<GrpcApp, 'listen'> {
  /** @returns the address for clients. @throws ListenError */
  listen(): Promise<string>;
}

/**
 * The gRPC interface, if the settings ask for one; not listening yet.
 * @throws ListenError where the service listens on a socket, which has no ports
 */
export async function openGrpc({ host, grpcPort }: Config, app: FastifyInstance): Promise<OpenGrpc | undefined> {
  if (grpcPort === 'off') return undefined;
  if (host.startsWith('unix:')) {
    throw new ListenError('gRPC needs an address: with CLIPN_GRPC_PORT, CLIPN_HOST cannot be a socket.');
  }
  // loaded on demand: reading the definitions takes time at every start
  const { buildGrpcApp } = await import('../../grpc/app.ts');
  const grpc = await buildGrpcApp(app);
  return {
    ...grpc,
    listen: () => listen(host, Number(grpcPort), (options) => grpc.listen(options), '--grpc-port (CLIPN_GRPC_PORT)'),
  };
}
