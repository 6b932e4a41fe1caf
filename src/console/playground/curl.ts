import { defined } from '../../defined.ts';
import type { ClassEntry, Method } from '../api/types.ts';

/** Quotes a text as one word of a POSIX shell. */
export const quote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

export interface CurlOptions {
  /** Address of the service, with a slash at the end. */
  base: string;
  file: string;
  tenant: string;
  method: Method | undefined;
  /** Typed class names, which need a tenant first. */
  classes: ClassEntry[] | undefined;
  /** Whether the service requires a key. The command then takes it from the environment. */
  key: boolean;
}

/** The same request as a shell command. The key is not in it, because commands end up in histories and chats. */
export function curlCommand({ base, file, tenant, method, classes, key }: CurlOptions): string {
  const auth = key ? ' -H "x-api-key: $CLIPN_KEY"' : '';
  const query = new URLSearchParams({ tenant, ...defined({ method }) });
  const detect = `curl${auth} -F ${quote(`file=@${quoteForm(file)}`)} ${quote(`${base}v1/detect?${query}`)}`;
  if (!classes) return detect;
  const address = quote(`${base}v1/tenants/${encodeURIComponent(tenant)}`);
  const put = `curl${auth} -X PUT ${address} -H 'content-type: application/json' -d ${quote(JSON.stringify({ classes }))}`;
  return `${put}\n${detect}`;
}

/** In curl -F commas and semicolons have a meaning unless the name is in double quotes. */
function quoteForm(name: string): string {
  return /[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : name;
}
