import { signal } from '@preact/signals';

/** Routes by the fragment after #, which works behind any path prefix and needs no server support. */
function read(): string[] {
  const path = location.hash.replace(/^#\/?/, '');
  try {
    return path.split('/').map(decodeURIComponent);
  } catch {
    // a percent sign without two digits: no page has such an address
    return [path, ''];
  }
}

export const route = signal(read());
addEventListener('hashchange', () => {
  route.value = read();
});

export const linkTo = (...parts: string[]) => `#/${parts.map(encodeURIComponent).join('/')}`;

export function go(...parts: string[]): void {
  location.hash = linkTo(...parts);
}
