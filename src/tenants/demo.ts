import type { TenantDefinition } from './definition.ts';

/** The tenant that exists at the first start, so that a new user's first request gets a verdict. */
export const DEMO_ID = 'demo';
export const DEMO: TenantDefinition = {
  classes: ['dog', 'cat', 'bird', 'butterfly', 'elephant', 'airplane', 'bicycle', 'sports car', 'pizza', 'sunflower'],
  // tenants of about ten classes: ATD catches more of what resembles a class, and keeps nearly as much (models/README.md)
  method: 'atd',
};
