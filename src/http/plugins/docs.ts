import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fp from 'fastify-plugin';
import { VERSION } from '../../config/version.ts';
import { readable } from '../openapi.ts';

const INLINE_STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

/** The OpenAPI document, derived from the validating schemas, and a page to read it. Must be registered before the routes. */
export const docsPlugin = fp(async (app) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'clipn-gate',
        description:
          'Out-of-distribution gating of images with CLIPN: which of your classes does an image show, and does it show any of them at all? ' +
          'Errors are application/problem+json with a stable `code`.',
        version: VERSION,
        license: { name: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'An API key, if the service requires one.' },
          header: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        },
      },
      security: [{ bearer: [] }, { header: [] }],
      tags: [
        { name: 'detect', description: 'Verdicts' },
        { name: 'tenants', description: 'Class lists' },
        { name: 'review', description: 'Kept images, labels and measured error rates' },
        { name: 'access', description: 'API keys and the audit log' },
        { name: 'operations', description: 'Health and metrics' },
        { name: 'open inference protocol', description: 'Verdicts for clients of Triton and KServe' },
        { name: 'gate', description: 'External authorization for proxies' },
      ],
    },
    transformObject: (document) => readable((document as { openapiObject: Record<string, unknown> }).openapiObject),
  });
  await app.register(async (scope) => {
    // the plugin's own routes declare no access, so it is added here
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'docs' };
    });
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      // the page adds one style sheet of its own, which is named here by its content
      transformStaticCSP: (policy) => policy.replace("style-src 'self'", `style-src 'self' ${INLINE_STYLE}`),
      logLevel: 'warn',
      theme: { title: `clipn-gate ${VERSION}` },
    });
  });
  app.get('/openapi.json', { config: { access: 'docs' }, schema: { hide: true }, logLevel: 'warn' }, async () =>
    app.swagger(),
  );
});
