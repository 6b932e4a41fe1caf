import { signal } from '@preact/signals';

/** Routes by the fragment after #, which works behind any path prefix and needs no server support. */
const read = () => decodeURIComponent(location.hash.replace(/^#\/?/, '')).split('/');

export const route = signal(read());
addEventListener('hashchange', () => {
  route.value = read();
});

export const linkTo = (...parts: string[]) => `#/${parts.map(encodeURIComponent).join('/')}`;

export function go(...parts: string[]): void {
  location.hash = linkTo(...parts);
}
