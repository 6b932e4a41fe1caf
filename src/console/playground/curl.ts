import type { ClassEntry, Method } from '../api/types.ts';

/** As one word of a POSIX shell. */
export const quote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

export interface CurlOptions {
  /** Address of the service, with a slash at the end. */
  base: string;
  file: string;
  tenant: string;
  method: Method | undefined;
  /** Typed on the spot: they need a tenant of their own first. */
  classes: ClassEntry[] | undefined;
  /** Whether the service asks for a key: the command then takes it from the environment. */
  key: boolean;
}

/** The same request for a shell. The key itself stays out: commands end up in histories and chats. */
export function curlCommand({ base, file, tenant, method, classes, key }: CurlOptions): string {
  const auth = key ? ' -H "x-api-key: $CLIPN_KEY"' : '';
  const query = new URLSearchParams({ tenant, ...(method ? { method } : {}) });
  const detect = `curl${auth} -F ${quote(`file=@${quoteForm(file)}`)} ${quote(`${base}v1/detect?${query}`)}`;
  if (!classes) return detect;
  const address = quote(`${base}v1/tenants/${encodeURIComponent(tenant)}`);
  const put = `curl${auth} -X PUT ${address} -H 'content-type: application/json' -d ${quote(JSON.stringify({ classes }))}`;
  return `${put}\n${detect}`;
}

/** Commas and semicolons mean something to curl -F unless the name is in double quotes. */
function quoteForm(name: string): string {
  return /[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : name;
}
