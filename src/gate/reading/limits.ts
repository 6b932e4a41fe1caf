/** Limits of one reading, each with its reason. Exceeding one makes the request `unexamined`; nothing is skipped silently. */

/** Most layers of content inside content, such as base64 in JSON in a form; honest requests have three. */
export const MAX_LAYERS = 6;
/** Most bytes examined per byte of a body. Every layer costs a pass, so this limits the work that a body can cause. */
export const PASSES = 8;
/** Added to that limit, so that small bodies may have many layers. */
export const FREE_BYTES = 64 * 1024;
/** Milliseconds of work after which the event loop runs. */
export const SLICE_MS = 3;
/** Bytes that are processed without an interruption: about a millisecond of work. */
export const SLICE_BYTES = 64 * 1024;
/** Unexamined places after which a reading ends: the first one is enough to refuse the request. */
export const MAX_PLACES = 100;

/** Deepest nesting of JSON. Parsers of other languages stop between 100 and 1000. */
export const MAX_JSON_DEPTH = 128;
/** Most digits of a number; parsers with large integers would make the bytes of a file of more. A key of 4,096 bits has 1,234. */
export const MAX_DIGITS = 1500;
/** Most members of the outermost object of a JSON text; they are kept to find repeated names. */
export const MAX_ROOT_MEMBERS = 1024;
/** Most elements of an array that `filter` can edit; larger batches are not filtered. */
export const MAX_EDITED_ELEMENTS = 65_536;

/** Most parts of a form. Servers stop at 1000 (Django, Werkzeug, PHP). */
export const MAX_PARTS = 1000;
/** Most header lines of one part; five are defined. */
export const MAX_PART_HEADERS = 16;
/** Most bytes of one part's headers; servers stop between 4 KB (Django's line) and 80 KB. */
export const MAX_PART_HEADER_BYTES = 8192;

/** Most content codings of a body. */
export const MAX_CODINGS = 2;

/** Fewer unknown bytes than this cannot be an image: the smallest header of the formats without a signature has 18. */
export const MAX_TOKEN_BYTES = 16;
/**
 * Most unknown bytes in base64 that pass, as keys, hashes, signatures, certificates and encrypted tokens do. Formats with a
 * signature or a recognisable header are found at any size.
 */
export const MAX_BASE64_TOKEN_BYTES = 4096;
/** An array of this many integers of 0 to 255 may be pixels (32 x 32), if more than 16 different values occur. */
export const MIN_PIXELS = 1024;
export const MAX_MASK_VALUES = 16;
/** Smallest side of an array in the shape of an image: height, width and 1, 3 or 4 channels. */
export const MIN_SIDE = 8;

/** Characters of a base64 text that decide its format, and most skipped characters between them. */
export const PREFIX_CHARACTERS = 96;
/** The same for a text as a whole: SPIDER's header has 108 bytes. */
export const HEAD_CHARACTERS = 160;
export const MAX_SKIPPED = 256;

/** A shorter text cannot contain an image in any form. "P1 1 1 1" is one. */
export const MIN_TEXT_BYTES = 8;
/** A shorter text can contain only the smallest PBM, plain or in base64. */
export const MIN_LONG_TEXT_BYTES = 12;
/** Longest name of a member, quotes included, that is not examined like a value. The base64 of a GIF has 36 characters. */
export const MAX_PLAIN_NAME = 26;
/** Most control characters of a text; with more of them it is treated as bytes. */
export const MAX_TEXT_CONTROLS = 32;
