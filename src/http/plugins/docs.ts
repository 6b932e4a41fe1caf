import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fp from 'fastify-plugin';

/** The OpenAPI document from the schemas that validate, and a page to read it. Registered before the routes it describes. */
export const docsPlugin = fp(async (app) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'clipn-gate',
        description:
          'Out-of-distribution gating of images with CLIPN: which of your classes does an image show, and does it show any of them at all? ' +
          'Errors are application/problem+json with a stable `code`.',
        version: app.bundle.manifest.version,
        license: { name: 'Apache-2.0' },
      },
      tags: [
        { name: 'detect', description: 'Verdicts' },
        { name: 'tenants', description: 'Who has which classes' },
        { name: 'operations', description: 'Health and metrics' },
      ],
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, logLevel: 'warn' });
  // whoever opens the address in a browser is shown something to read
  app.get('/', { schema: { hide: true }, logLevel: 'warn' }, async (_request, reply) => reply.redirect('docs/'));
  app.get('/openapi.json', { schema: { hide: true }, logLevel: 'warn' }, async () => app.swagger());
});
