import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { collect } from './collect.ts';
import { valuesOfImages, watchJson } from './parsers.ts';

/** Parses a body of the Open Inference Protocol: JSON, whose values are counted on arrival, and binary tensors after it. */
export const inferParser = (request: FastifyRequest, payload: Readable) => {
  const watch = watchJson(valuesOfImages(request.server.config.maxImages));
  const announced = request.headers['inference-header-content-length'];
  let left = announced === undefined ? Number.POSITIVE_INFINITY : Number(announced) || 0;
  const watchHead = (chunk: Buffer) => {
    if (left <= 0) return undefined;
    const head = left < chunk.length ? chunk.subarray(0, left) : chunk;
    left -= head.length;
    return watch(head);
  };
  return collect(request, payload, { watch: watchHead });
};
