export { type Destination, destinationFault } from './destination.ts';
export type { GivenVerdict, Interface } from './event.ts';
export { DROP_REASONS, type EventsObserver } from './observer.ts';
export { EventPublisher } from './publisher.ts';
export { EventSecrets } from './secrets.ts';
