import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { Type } from 'typebox';
import { Manifest } from '../src/bundle/manifest.ts';
import { TenantDefinition } from '../src/tenants/definition.ts';
import { validatorOf } from '../src/validator.ts';
import { BUNDLE, DEFAULT_BUNDLE, TRAINED_BUNDLE } from './helpers/paths.ts';

const manifest = (dir: string) => JSON.parse(readFileSync(join(dir, 'bundle.json'), 'utf8'));

const DEFINITION = {
  classes: ['dog', 'cat', 'panda'],
};

/** A copy of a value in JSON with one part, somewhere, replaced, removed or added. */
function changed(value: unknown, path: number[], other: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || value === null || typeof value !== 'object') return other;
  const keys = [...Object.keys(value), 'added'];
  const key = keys[step % keys.length] as string;
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...value };
  if (other === undefined && rest.length === 0 && !Array.isArray(copy)) delete copy[key];
  else copy[key] = changed(copy[key], rest, other);
  return copy;
}

const OTHERS = [undefined, null, -1, 0, 0.5, 1, 1e6, '', 'a', 'a {}', '1.0.0', [], ['a'], {}, true];

describe('validators', () => {
  for (const [name, schema, values] of [
    ['manifests', Manifest, [BUNDLE, TRAINED_BUNDLE, DEFAULT_BUNDLE].map(manifest)],
    ['tenants', TenantDefinition, [DEFINITION, { classes: ['a', 'b'] }]],
  ] as const) {
    it(`a first value and the thousandth are judged as by Ajv alone: ${name}`, () => {
      const compiled = new Ajv({ strictTypes: false }).compile(schema);
      const path = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 4 });
      let accepted = 0;
      fc.assert(
        fc.property(fc.constantFrom(...values), path, fc.constantFrom(...OTHERS), (value, at, other) => {
          const made = JSON.parse(JSON.stringify(changed(value, at, other) ?? null));
          const expected = compiled(made);
          const validate = validatorOf(schema, { strictTypes: false });
          assert.equal(validate(made), expected);
          assert.equal(validate.errors.length > 0, !expected);
          if (expected) accepted++;
        }),
        { numRuns: 300 },
      );
      for (const value of values) assert.equal(compiled(value), true);
      assert.ok(accepted > 0 && accepted < 300, `${accepted} of 300 were valid`);
    });
  }

  it('no faults of an earlier value remain after a valid one, before the schema is compiled and after', () => {
    const validate = validatorOf(Type.Object({ n: Type.Integer() }));
    for (let i = 0; i < 12; i++) {
      assert.equal(validate({ n: i }), true);
      assert.deepEqual([...validate.errors], []);
      if (i < 6) continue;
      assert.equal(validate({ n: 'one' }), false);
      assert.equal(validate.errors[0]?.instancePath, '/n');
    }
  });
});
