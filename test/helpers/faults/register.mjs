/**
 * Loaded into every process of a service under test by NODE_OPTIONS: its engine process brings about the faults that
 * ENGINE_FAULTS lists. The program itself holds nothing of it.
 */
import { register } from 'node:module';

register('./loader.mjs', import.meta.url);
