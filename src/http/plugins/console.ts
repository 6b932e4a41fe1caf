import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync } from 'fastify';
import { PACKAGE } from '../../installation.ts';

/** Output of `npm run build` for src/console. */
const FILES = fileURLToPath(new URL('dist/console/', PACKAGE));

const HEADERS = {
  // no resources of other origins, nothing inline; blob: is for pictures that users drop on the page
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(self), microphone=(), geolocation=()',
};

/**
 * Serves the console at `/`: the built files, compressed at build time. Names of assets contain a hash of their content, so
 * they are cached permanently; the page itself is revalidated on every request. Without a build (a checkout that runs from
 * its sources) `/` redirects to the documentation.
 */
export const consolePlugin: FastifyPluginAsync = async (app) => {
  if (!existsSync(`${FILES}index.html`)) {
    app.get('/', { config: { access: 'open' }, schema: { hide: true }, logLevel: 'warn' }, async (_request, reply) =>
      reply.redirect('docs/'),
    );
    return;
  }
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'open' };
    route.schema = { ...route.schema, hide: true };
    route.logLevel = 'warn';
  });
  await app.register(fastifyStatic, {
    root: FILES,
    serve: false,
    preCompressed: true,
    cacheControl: false,
    setHeaders: (reply, path) => {
      for (const [name, value] of Object.entries(HEADERS)) reply.header(name, value);
      const kept = path.includes('/assets/');
      reply.header('cache-control', kept ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  for (const url of ['/', '/index.html']) app.get(url, (_request, reply) => reply.sendFile('index.html'));
  const files = new Set(readdirSync(FILES, { recursive: true, encoding: 'utf8' }));
  for (const folder of ['assets', 'samples']) {
    app.get<{ Params: { '*': string } }>(`/${folder}/*`, ({ params }, reply) => {
      const name = `${folder}/${params['*']}`;
      return files.has(name) ? reply.sendFile(name) : reply.callNotFound();
    });
  }
};
