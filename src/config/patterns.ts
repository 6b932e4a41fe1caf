const DEVICE = '(cpu|(cuda|tensorrt)(:\\d{1,3})?|webgpu(:0)?)';

/** `auto`, or devices separated by commas. */
export const DEVICES = `^(auto|${DEVICE}(,${DEVICE}){0,63})$`;

/** `directory`, `off`, an absolute path, or a bucket with an optional prefix. */
export const OBJECT_STORE = '^(directory|off|/.*|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?)$';

/** `off`, or a number from 0 to 65535. */
export const PORT_OR_OFF = '^(off|\\d{1,4}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d\\d|655[0-2]\\d|6553[0-5])$';

/** A list of hosts, each with or without one of these schemes and a port. */
export const hosts = (schemes: string) =>
  `^(\\s*((${schemes})://)?((\\*\\.)?[A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:\\d{1,5})?\\s*(,|$))*$`;
