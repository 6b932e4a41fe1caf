import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { KeyView, toKeyView } from '../../schemas/key.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

const ListQuery = Type.Object({
  after: Type.Optional(Type.String({ description: 'The id to continue after: `next` of the previous page.' })),
  limit: Type.Integer({ default: 100, minimum: 1, maximum: 1000 }),
});

const ListReply = Type.Object(
  {
    keys: Type.Array(KeyView),
    next: Type.Union([Type.String(), Type.Null()], { description: '`after` of the next page; null on the last.' }),
  },
  { title: 'KeyPage' },
);

/** `GET /v1/admin/keys`: all keys by time of creation, including revoked and expired ones. */
export const keysList: FastifyPluginAsync = async (app) => {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/v1/admin/keys',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'listKeys',
        tags: ['access'],
        summary: 'All API keys, in pages, without their secrets',
        querystring: ListQuery,
        response: { 200: ListReply, ...ProblemResponses },
      },
    },
    async ({ query: { after, limit } }): Promise<Static<typeof ListReply>> => {
      const { keyring } = app.access;
      const all = keyring.list();
      const from = after === undefined ? 0 : all.findIndex((k) => k.id === after) + 1;
      const page = all.slice(from, from + limit);
      return {
        keys: page.map((record) => toKeyView(record, keyring)),
        next: from + limit < all.length ? (page.at(-1)?.id ?? null) : null,
      };
    },
  );
};
