import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { ProblemResponses } from '../../schemas/problem.ts';

const OrNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description });

const FilesReply = Type.Object({
  directory: OrNull('The watched directory; null where none is watched.'),
  scanned_at: OrNull('When it was read last.'),
  error: OrNull('Why the directory as a whole is not followed.'),
  files: Type.Array(
    Type.Object({
      file: Type.String({ description: 'Path within the directory.' }),
      tenants: Type.Array(Type.String(), { description: 'What it defines, where it can be read.' }),
      state: Type.Union([Type.Literal('applied'), Type.Literal('error')]),
      error: Type.Optional(Type.String({ description: 'What is wrong with it; what it said before stays.' })),
    }),
  ),
});

/** `GET /v1/tenant-files`: the files that tenants come from, each with what is wrong with it. */
export const tenantsFiles: FastifyPluginAsync = async (app) => {
  app.get(
    '/v1/tenant-files',
    {
      // file names and faults of all tenants
      config: { access: 'admin' },
      schema: {
        operationId: 'listTenantFiles',
        tags: ['tenants'],
        summary: 'The files of the watched directory and their faults',
        response: { 200: FilesReply, ...ProblemResponses },
      },
    },
    async (): Promise<Static<typeof FilesReply>> => {
      const status = app.tenantFiles?.status;
      return {
        directory: status?.directory ?? null,
        scanned_at: status?.scannedAt ?? null,
        error: status?.error ?? null,
        files: status?.files ?? [],
      };
    },
  );
};
