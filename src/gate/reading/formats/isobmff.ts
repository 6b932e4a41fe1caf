const VIDEO = new Set(
  'isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 isoa isob isoc mp41 mp42 mp71 avc1 hvc1 hev1 av01 M4V M4A M4B M4P M4VH M4VP f4v F4V f4a qt dash msdh msix cmfc cmfs cmff cmfl cmf2 cmfa cmfv 3gp4 3gp5 3gp6 3gp7 3gp8 3gp9 3g2a 3g2b 3g2c mmp4 MSNV NDSC NDSH NDSM NDSP NDSS XAVC dby1 mobi opf2 ndsc CAEP caqv'.split(
    ' ',
  ),
);

/**
 * The kind of a file of boxes (ISO 14496-12) by its brands. It is video or sound only if every brand is a known one of those;
 * else it is an image (AVIF, HEIF and future formats). Undefined for any other file.
 */
export function isobmff(data: Uint8Array): 'image' | 'video' | undefined {
  if (data.length < 12 || data[4] !== 0x66 || data[5] !== 0x74 || data[6] !== 0x79 || data[7] !== 0x70)
    return undefined;
  const size = new DataView(data.buffer, data.byteOffset, 4).getUint32(0);
  const end = Math.min(size < 16 ? 12 : size, data.length, 1024);
  for (let at = 8; at + 4 <= end; at += 4) {
    // skips the minor version
    if (at === 12) continue;
    const brand = String.fromCharCode(...data.subarray(at, at + 4)).replace(/[ \0]+$/, '');
    if (brand !== '' && !VIDEO.has(brand)) return 'image';
  }
  return 'video';
}
