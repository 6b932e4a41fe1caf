/** Stands for the id in the route of a new tenant. No tenant id begins with it. */
export const NEW = '+';

/** The last part of the address of the review page of a tenant. */
export const REVIEW = 'review';

/** The last part of the address of the page that calibrates a tenant with images of its owner. */
export const OWN_IMAGES = 'own-images';
