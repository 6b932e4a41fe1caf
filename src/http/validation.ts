import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { inWords } from '../errors/schema-words.ts';

/** A body with more values than this gets its first fault only; a smaller one gets all faults. */
const FEW_VALUES = 1000;
/** Most faults in an answer. */
const MOST_ERRORS = 20;

// queries are text and get coerced; in a JSON body a number in place of a text is an error
const common = { useDefaults: true, validateSchema: false, verbose: true };
const query = new Ajv({ ...common, coerceTypes: 'array', allErrors: true });
const first = new Ajv({ ...common, strictTypes: false });
const all = new Ajv({ ...common, allErrors: true, strictTypes: false });

type Validator = ((data: unknown) => boolean) & { errors?: ErrorObject[] | null };

/** Compiled at its first use, because all of them together take longer than the rest of a start. */
function lazily(ajv: Ajv, schema: object): () => ValidateFunction {
  let compiled: ValidateFunction | undefined;
  return () => {
    compiled ??= ajv.compile(schema);
    return compiled;
  };
}

/** Fastify's validator of one part of requests, with faults in words. The list of faults is short, because each fault takes memory. */
export function compileValidator(schema: object, httpPart: string | undefined): Validator {
  const thorough = lazily(httpPart === 'body' ? all : query, schema);
  const quick = httpPart === 'body' ? lazily(first, schema) : thorough;
  const validate: Validator = (data) => {
    const validator = httpPart !== 'body' || hasFew(data) ? thorough() : quick();
    const errors = validator(data) ? (httpPart === 'body' ? [] : infinite(data)) : (validator.errors as ErrorObject[]);
    validate.errors = errors.length > 0 ? inWords(errors).slice(0, MOST_ERRORS) : null;
    return errors.length === 0;
  };
  return validate;
}

/** The faults of infinite numbers: Ajv turns the text `1e400` or `Infinity` into one and then passes over its range. */
function infinite(data: unknown): ErrorObject[] {
  const isInfinite = (value: unknown) => value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
  return Object.entries(data ?? {})
    .filter(([, value]) => (Array.isArray(value) ? value.some(isInfinite) : isInfinite(value)))
    .map(([name]) => ({
      keyword: 'finite',
      instancePath: `/${name}`,
      schemaPath: `#/properties/${name}`,
      params: {},
      message: 'must be a finite number',
    }));
}

function hasFew(data: unknown): boolean {
  // an image of a raw body is one value: a list of its bytes would take longer than the validation
  if (ArrayBuffer.isView(data)) return true;
  let left = FEW_VALUES;
  const walk = (value: unknown): boolean => {
    if (--left < 0) return false;
    return typeof value !== 'object' || value === null || Object.values(value).every(walk);
  };
  return (!Array.isArray(data) || data.length <= FEW_VALUES) && walk(data);
}
