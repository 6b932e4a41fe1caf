import { signal } from '@preact/signals';

/** The part behind #: works behind any path prefix and needs nothing of the server. */
const read = () => decodeURIComponent(location.hash.replace(/^#\/?/, '')).split('/');

export const route = signal(read());
addEventListener('hashchange', () => {
  route.value = read();
});

export const linkTo = (...parts: string[]) => `#/${parts.map(encodeURIComponent).join('/')}`;

export function go(...parts: string[]): void {
  location.hash = linkTo(...parts);
}
