import { Ajv, type ErrorObject } from 'ajv';

/** A body with more values than this gets its first fault only; a smaller one gets all faults. */
const FEW_VALUES = 1000;
/** Most faults in an answer. */
const MOST_ERRORS = 20;

// queries are text and get coerced; in a JSON body a number in place of a text is an error
const query = new Ajv({ coerceTypes: 'array', useDefaults: true, allErrors: true });
const first = new Ajv({ useDefaults: true, strictTypes: false });
const all = new Ajv({ useDefaults: true, allErrors: true, strictTypes: false });

type Validator = ((data: unknown) => boolean) & { errors?: ErrorObject[] | null };

/** Fastify's validator of one part of requests. The list of faults is short, because each fault takes memory. */
export function compileValidator(schema: object, httpPart: string | undefined): Validator {
  if (httpPart !== 'body') return query.compile(schema) as Validator;
  const quick = first.compile(schema);
  const thorough = all.compile(schema);
  const validate: Validator = (data) => {
    const validator = hasFew(data) ? thorough : quick;
    const valid = validator(data) as boolean;
    validate.errors = validator.errors?.slice(0, MOST_ERRORS) ?? null;
    return valid;
  };
  return validate;
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
