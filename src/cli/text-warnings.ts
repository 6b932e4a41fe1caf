import type { Bundle } from '../bundle/load.ts';
import { loadTokenizer } from '../bundle/tokenizer.ts';
import { cutNames } from '../bundle/truncation.ts';
import { unknownWords } from '../bundle/vocabulary.ts';
import { printable } from '../errors/printable.ts';
import type { TenantDefinition } from '../tenants/definition.ts';
import { warningsOf } from '../tenants/warnings.ts';

const SHOWN = 10;

/** Warns on standard error about what the service would warn of in the reply to a PUT. */
export async function warnOfTexts(bundle: Bundle, definition: TenantDefinition): Promise<void> {
  const tokenizer = await loadTokenizer(bundle);
  const { manifest } = bundle;
  const warnings = warningsOf(definition, {
    templates: manifest.templates,
    unknownWords: (text) => unknownWords(manifest, text),
    cutNames: (names, templates) => cutNames(tokenizer, names, templates),
  });
  for (const { message } of warnings.slice(0, SHOWN)) process.stderr.write(`warning: ${printable(message)}\n`);
  if (warnings.length > SHOWN) process.stderr.write(`warning: and ${warnings.length - SHOWN} more such warnings\n`);
}
