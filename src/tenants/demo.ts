import type { TenantDefinition } from './definition.ts';

/** The tenant that exists at first start, so that the first request of a new user has something to ask. */
export const DEMO_ID = 'demo';
export const DEMO: TenantDefinition = {
  classes: ['dog', 'cat', 'bird', 'butterfly', 'elephant', 'airplane', 'bicycle', 'sports car', 'pizza', 'sunflower'],
};
