import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { ProblemResponses } from '../../schemas/problem.ts';

const OrNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description });

const FilesReply = Type.Object(
  {
    directory: OrNull('The watched directory; null if there is none.'),
    scanned_at: OrNull('Time of the last scan.'),
    error: OrNull('The reason why the directory as a whole cannot be followed.'),
    files: Type.Array(
      Type.Object(
        {
          file: Type.String({ description: 'Path within the directory.' }),
          tenants: Type.Array(Type.String(), { description: 'Tenants that the file defines, if it can be read.' }),
          state: Type.Union([Type.Literal('applied'), Type.Literal('error')]),
          error: Type.Optional(Type.String({ description: 'Error of the file. Its last valid content stays in use.' })),
        },
        { title: 'TenantFile' },
      ),
    ),
  },
  { title: 'TenantFiles' },
);

/** `GET /v1/tenant-files`: the tenant files of the watched directory, each with its errors. */
export const tenantsFiles: FastifyPluginAsync = async (app) => {
  app.get(
    '/v1/tenant-files',
    {
      // the reply shows file names and errors of all tenants
      config: { access: 'admin' },
      schema: {
        operationId: 'listTenantFiles',
        tags: ['tenants'],
        summary: 'The files of the watched directory and their errors',
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
