/** Runs in `npm version`: writes the version of package.json wherever it stands once more. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../helpers/paths.ts';
import { VERSION, versionPlaces } from '../helpers/version-places.ts';

// one place after the other: two of them may be in one file
for (let i = 0; i < versionPlaces().length; i++) {
  const place = versionPlaces()[i];
  if (place) writeFileSync(join(ROOT, place.file), place.rewritten(VERSION));
}
