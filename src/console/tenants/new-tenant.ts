/** Stands for the id in the route of a new tenant. No tenant id begins with it. */
export const NEW = '+';
