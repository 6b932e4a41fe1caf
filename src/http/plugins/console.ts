import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync } from 'fastify';

/** What `npm run build` made of src/console: the same place from the sources and from dist/. */
const FILES = fileURLToPath(new URL('../../../dist/console/', import.meta.url));

const HEADERS = {
  // nothing from elsewhere, nothing inline; blob: is for the pictures that somebody drops on the page
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
 * The console at `/`: the files of the build, compressed when they were built. Names of assets carry a hash of what is in them, so they
 * are kept for ever; the page itself is asked for every time. Without a build (a checkout that is run from its sources) `/` shows
 * the documentation instead.
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
    // one route per file: nothing else can be asked for
    wildcard: false,
    preCompressed: true,
    decorateReply: false,
    cacheControl: false,
    setHeaders: (reply, path) => {
      for (const [name, value] of Object.entries(HEADERS)) reply.header(name, value);
      const kept = path.includes('/assets/');
      reply.header('cache-control', kept ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
};
