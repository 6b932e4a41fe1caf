import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Check } from 'typebox/schema';

/** Tells whether a value has the form of a schema; `errors` are the faults of the last value. */
export interface Validator {
  (value: unknown): boolean;
  readonly errors: readonly ErrorObject[];
}

/** So many values are checked without compiling the schema: Ajv takes as long for its code as `Check` for ten manifests. */
const UNCOMPILED = 8;

/**
 * The validator of one of this program's own schemas. Most of them see one or two values, nearly all of them valid, and TypeBox's `Check` accepts
 * these without compiling the schema: that took an eighth of the processor time of the front process until it was ready. It is compiled by Ajv for more
 * values, and for a value that `Check` does not accept, because Ajv names the faults. The schemas are not compared with the meta-schema of
 * JSON Schema: the types of TypeBox hold them to it, and Ajv's strict mode still refuses unknown keywords. Nor is the code optimised.
 * @param options no options that change a value, such as defaults
 */
export function validatorOf(schema: object, options: Options = {}): Validator {
  let compiled: ReturnType<Ajv['compile']> | undefined;
  let seen = 0;
  const faults: { errors: readonly ErrorObject[] } = { errors: [] };
  const check = (value: unknown): boolean => {
    if (compiled === undefined && seen++ < UNCOMPILED && Check(schema, value)) return true;
    compiled ??= new Ajv({ validateSchema: false, code: { optimize: false }, ...options }).compile(schema);
    const valid = compiled(value) as boolean;
    validate.errors = compiled.errors ?? [];
    return valid;
  };
  const validate = Object.assign(check, faults);
  return validate;
}
