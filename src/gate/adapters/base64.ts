const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

/** Bytes of base64 in either alphabet, or of a data: URL; undefined where it is neither. */
export function fromBase64(text: string): Buffer | undefined {
  let data = text;
  if (data.startsWith('data:')) {
    const comma = data.indexOf(',');
    if (comma < 0 || !/;\s*base64$/i.test(data.slice(0, comma))) return undefined;
    data = data.slice(comma + 1);
  }
  if (/\s/.test(data)) data = data.replace(/\s+/g, '');
  // Buffer.from skips whatever is not base64 and would turn a mistake into a strange picture
  if (data === '' || data.length % 4 === 1 || !(STANDARD.test(data) || URL_SAFE.test(data))) return undefined;
  return Buffer.from(data, 'base64');
}
