import { Ajv, type ErrorObject, type Options } from 'ajv';

/** Tells whether a value has the form of a schema; `errors` are the faults of the last value. */
export interface Validator {
  (value: unknown): boolean;
  readonly errors: readonly ErrorObject[];
}

/**
 * The validator of one of this program's own schemas. It is compiled when it is used first, because compiling all schemas took most of the
 * processor time of a start. The schemas are not compared with the meta-schema of JSON Schema: the types of TypeBox hold them to it, and Ajv's
 * strict mode still refuses unknown keywords. Nor is the code optimised: most schemas see a few values only.
 */
export function validatorOf(schema: object, options: Options = {}): Validator {
  let compiled: ReturnType<Ajv['compile']> | undefined;
  const validate = (value: unknown) => {
    compiled ??= new Ajv({ validateSchema: false, code: { optimize: false }, ...options }).compile(schema);
    return compiled(value) as boolean;
  };
  return Object.defineProperty(validate, 'errors', { get: () => compiled?.errors ?? [] }) as unknown as Validator;
}
