import { BlockList, isIP, isIPv6 } from 'node:net';

/** Addresses that are not public (IANA's registries of special-purpose addresses), and those for many receivers. */
const PRIVATE_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** Only 2000::/3 is assigned for public use; these parts of it are not. 6to4 (2002::/16) and Teredo lead to IPv4 addresses. */
const PRIVATE_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

function blockList(nets: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const net of nets) {
    const [address, bits] = net.split('/') as [string, string];
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

const v4 = blockList(PRIVATE_V4, 'ipv4');
const v6 = blockList(PRIVATE_V6, 'ipv6');
const assigned = blockList(['2000::/3'], 'ipv6');
const mapped = blockList(['::ffff:0:0/96'], 'ipv6');
const nat64 = blockList(['64:ff9b::/96'], 'ipv6');

/** The last 32 bits of an IPv6 address as an IPv4 address. */
function embedded(address: string): string {
  const last = /(?:\d{1,3}\.){3}\d{1,3}$/.exec(address)?.[0];
  if (last !== undefined) return last;
  // URL writes the address without an IPv4 part, and at most one run of zeros as ::
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before = '', after] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const tail = after === undefined ? groups(before) : groups(after);
  const number = Number.parseInt(tail.at(-2) ?? '0', 16) * 65_536 + Number.parseInt(tail.at(-1) ?? '0', 16);
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}

/**
 * Whether an address belongs to the public internet. An IPv4 address inside an IPv6 address (mapped, NAT64) counts as itself.
 * @param address without brackets and zone
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  if (!isIPv6(address)) return !v4.check(address, 'ipv4');
  if (mapped.check(address, 'ipv6') || nat64.check(address, 'ipv6')) return isPublicAddress(embedded(address));
  return assigned.check(address, 'ipv6') && !v6.check(address, 'ipv6');
}
