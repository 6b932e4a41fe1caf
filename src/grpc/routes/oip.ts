import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  configOf,
  indexOf,
  isModelReady,
  isServerReady,
  metadataOf,
  serverMetadata,
} from '../../http/routes/oip/description.ts';
import type { ModelParams } from '../../http/schemas/oip.ts';
import { call, mayDetect, modelParams } from '../call.ts';
import { messageKind } from '../messages.ts';

interface NamedModel {
  name: string;
  version: string;
}

const kind = <T extends object>(name: string) => messageKind<T>(`inference.${name}`);
const named = (rpc: string) => kind<NamedModel>(`${rpc}Request`);
const SERVICE = '/inference.GRPCInferenceService';

/** The model that a message names, once the key may use it. */
function modelOf(request: FastifyRequest, { name, version }: NamedModel): ModelParams {
  mayDetect(request, name);
  return modelParams(name, version);
}

/** The calls of `inference.GRPCInferenceService` that describe the service and its tenants. */
export function oipCalls(app: FastifyInstance): void {
  call(app, `${SERVICE}/ServerLive`, {
    access: 'open',
    request: kind('ServerLiveRequest'),
    reply: kind<{ live: boolean }>('ServerLiveResponse'),
    handle: async () => ({ live: true }),
  });
  call(app, `${SERVICE}/ServerReady`, {
    access: 'open',
    request: kind('ServerReadyRequest'),
    reply: kind<{ ready: boolean }>('ServerReadyResponse'),
    handle: async () => ({ ready: isServerReady(app) }),
  });
  call(app, `${SERVICE}/ServerMetadata`, {
    access: 'open',
    request: kind('ServerMetadataRequest'),
    reply: kind<ReturnType<typeof serverMetadata>>('ServerMetadataResponse'),
    handle: async () => serverMetadata(app, ['model_configuration', 'model_repository']),
  });
  call(app, `${SERVICE}/ModelReady`, {
    request: named('ModelReady'),
    reply: kind<{ ready: boolean }>('ModelReadyResponse'),
    handle: async (message, request) => ({ ready: isModelReady(app, modelOf(request, message)) }),
  });
  call(app, `${SERVICE}/ModelMetadata`, {
    request: named('ModelMetadata'),
    reply: kind<ReturnType<typeof metadataOf>>('ModelMetadataResponse'),
    handle: async (message, request) => metadataOf(app, modelOf(request, message)),
  });
  call(app, `${SERVICE}/ModelConfig`, {
    request: named('ModelConfig'),
    reply: kind<{ config: ReturnType<typeof configOf> }>('ModelConfigResponse'),
    handle: async (message, request) => ({ config: configOf(app, modelOf(request, message)) }),
  });
  call(app, `${SERVICE}/RepositoryIndex`, {
    request: kind<{ ready: boolean }>('RepositoryIndexRequest'),
    reply: kind<{ models: ReturnType<typeof indexOf> }>('RepositoryIndexResponse'),
    handle: async ({ ready }, { principal }) => ({ models: indexOf(app, principal, ready) }),
  });
}
