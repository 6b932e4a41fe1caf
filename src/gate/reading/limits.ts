/** Bounds of one reading, each with its cause. More than a bound is `unexamined`, never silently left out. */

/** Content inside content (a form, JSON in it, base64 in that, ...): honest requests have three layers. */
export const MAX_LAYERS = 6;
/** Bytes examined for one byte of a body: every layer costs a pass, and a body must not buy more of them than this. */
export const PASSES = 8;
/** Added to that, so that small bodies may have many layers. */
export const FREE_BYTES = 64 * 1024;
/** The event loop gets its turn after so many milliseconds of work. */
export const SLICE_MS = 5;
/** Work is done in pieces of so many bytes, between which it can be interrupted: about a millisecond. */
export const SLICE_BYTES = 64 * 1024;
/** Unexamined places after which a reading looks for no more: the request is refused for the first, or passes with all of them. */
export const MAX_PLACES = 100;

/** Nesting of JSON. Parsers of other languages stop between 100 and 1000. */
export const MAX_JSON_DEPTH = 128;
/** Members of the outermost object of a JSON text, which are kept to find names that occur twice. */
export const MAX_ROOT_MEMBERS = 1024;
/** Elements of an array that an edit keeps at one time (`filter`); larger batches are not filtered. */
export const MAX_EDITED_ELEMENTS = 65_536;

/** Parts of a form. Servers stop at 1000 (Django, Werkzeug, PHP). */
export const MAX_PARTS = 1000;
/** Header lines of one part; five are defined. */
export const MAX_PART_HEADERS = 16;
/** Bytes of one part's headers; servers stop between 4 KB (Django's line) and 80 KB. */
export const MAX_PART_HEADER_BYTES = 8192;

/** Content codings on top of each other. */
export const MAX_CODINGS = 2;

/** Unknown bytes that are too few to be an image: the smallest header of the formats without a signature has 18. */
export const MAX_TOKEN_BYTES = 16;
/**
 * Unknown bytes in base64 that pass: keys, hashes, signatures, certificates and encrypted tokens. Formats with a signature or a
 * recognisable header are found in them whatever their size.
 */
export const MAX_BASE64_TOKEN_BYTES = 4096;
/** Integers of 0 to 255 in one array, from which on they may be pixels (32 x 32), where they take more than 16 different values. */
export const MIN_PIXELS = 1024;
export const MAX_MASK_VALUES = 16;
/** Least side of an array that is shaped like an image: height, width and 1, 3 or 4 channels. */
export const MIN_SIDE = 8;

/** Characters of a base64 text that decide its format, and others between them that a lenient decoder skips. */
export const PREFIX_CHARACTERS = 96;
export const MAX_SKIPPED = 256;

/** Texts that are shorter hold no image in any form. */
export const MIN_TEXT_BYTES = 12;
/** Control characters that a text may have; with more of them it is bytes written as characters. */
export const MAX_TEXT_CONTROLS = 32;
