const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

/** Decodes base64 in either alphabet, or a data: URL; undefined for anything else. */
export function fromBase64(text: string): Buffer | undefined {
  let data = text;
  if (data.startsWith('data:')) {
    const comma = data.indexOf(',');
    if (comma < 0 || !/;\s*base64$/i.test(data.slice(0, comma))) return undefined;
    data = data.slice(comma + 1);
  }
  if (/\s/.test(data)) data = data.replace(/\s+/g, '');
  // Buffer.from skips characters that are not base64, which would turn a mistake into another image
  if (data === '' || data.length % 4 === 1 || !(STANDARD.test(data) || URL_SAFE.test(data))) return undefined;
  return Buffer.from(data, 'base64');
}
