/** `node --import tsx scripts/release/write-sbom.ts FILE [COMMIT]`: the bill of materials of this checkout, for the images. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { billOfMaterials } from './sbom.ts';

const [file, commit] = process.argv.slice(2);
if (file === undefined) throw new Error('name the file to write');
writeFileSync(file, billOfMaterials(join(import.meta.dirname, '../..'), commit));
