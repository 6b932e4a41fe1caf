import { extname } from 'node:path';

/** Endings of images. Those of BMP, HEIC and JPEG XL are among them, so that such a photograph gets an answer and is not left out. */
const ENDINGS = new Set(
  '.jpg .jpeg .jpe .jfif .pjpeg .png .apng .webp .gif .avif .tif .tiff .bmp .dib .heic .heif .hif .jxl'.split(' '),
);
/** A usual ending of a file name. `photo 3. May` has none. */
const ENDING = /^\.(?=.*[a-z])[a-z0-9_~-]{1,12}$/;

/** Whether a file is an image by the ending of its name; `unknown` without an ending: its content says it. */
export function isImageName(name: string): boolean | 'unknown' {
  const ending = extname(name).toLowerCase();
  if (ENDINGS.has(ending)) return true;
  return ENDING.test(ending) ? false : 'unknown';
}

const SYSTEM = new Set([
  'thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
  'icon\r',
  '__macosx',
  'lost+found',
  '$recycle.bin',
  'system volume information',
  '@eadir',
]);

/** Whether an operating system or a storage device makes files or folders of this name by itself. */
export const isSystemName = (name: string): boolean => SYSTEM.has(name.toLowerCase());
