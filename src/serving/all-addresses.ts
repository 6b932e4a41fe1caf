/** System errors of a machine without IPv6. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/**
 * Listens on a host name or address, IPv6 also in brackets. `::` means all addresses, of IPv4 too; where the machine has no IPv6 it
 * means 0.0.0.0.
 */
export async function listenOn<T>(host: string, start: (host: string) => Promise<T>): Promise<T> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  try {
    return await start(bare);
  } catch (error) {
    if (bare === '::' && NO_IPV6.has((error as NodeJS.ErrnoException).code ?? '')) return await start('0.0.0.0');
    throw error;
  }
}
