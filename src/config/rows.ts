import type { TSchema } from 'typebox';
import { type Config, ConfigSchema } from './schema.ts';
import type { Setting } from './setting.ts';

export interface SettingRow extends Setting {
  key: keyof Config;
  flag: string;
  default: string;
  schema: TSchema;
}

/** One row per setting, in the order of the schema: for help, the table of docs/configuration.md and the loader. */
export function describeConfig(): SettingRow[] {
  return Object.entries(ConfigSchema.properties).map(([key, schema]: [string, TSchema]) => {
    const { setting: s, default: fallback } = schema as TSchema & { setting: Setting; default: unknown };
    return {
      ...s,
      key: key as keyof Config,
      flag: s.variable
        .replace(/^CLIPN_/, '')
        .toLowerCase()
        .replaceAll('_', '-'),
      default: String(fallback),
      schema,
    };
  });
}
