import type { TenantDefinition } from './definition.ts';

/** The tenant that exists at the first start, so that a new user's first request gets a verdict. */
export const DEMO_ID = 'demo';
export const DEMO: TenantDefinition = {
  classes: ['dog', 'cat', 'bird', 'butterfly', 'elephant', 'airplane', 'bicycle', 'sports car', 'pizza', 'sunflower'],
};
