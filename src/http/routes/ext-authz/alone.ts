import { type GateSettings, settingsOf } from '../../../gate/index.ts';

/** Settings without a gate file: every body is inspected for the tenant of x-clipn-tenant. Without a verdict Envoy decides. */
export const ALONE: GateSettings = settingsOf({
  upstream: { url: 'http://localhost' },
  routes: [
    {
      name: 'ext-authz',
      match: { path: '/**', methods: ['POST', 'PUT', 'PATCH'] },
      mode: 'enforce',
      tenant: { header: 'x-clipn-tenant', default: 'demo' },
      fail: { default: 'closed', no_image: 'open' },
    },
  ],
});
