import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where an object of the document maps chosen names to schemas, so that its keys are no keywords. */
const MAPS = new Set(['properties', 'patternProperties']);
/** A schema with such a title becomes a component of that name. */
const NAME = /^[A-Z][A-Za-z]+$/;

/**
 * The OpenAPI document as people and generators of clients read it. Its meaning is that of the validating schemas:
 * - a schema with a title is a component of that name, which must mean the same wherever it is used
 * - alternatives that are single texts are one enumeration
 * - a parameter with a default is optional, a body that may be null as well, and only parameters that the path contains are listed
 * - patterns are left out that only JavaScript can read
 * - bytes have a type and a format, and a schema with properties is that of an object
 * @throws Error if two different schemas have the same title
 */
export function readable(document: Json): Json {
  const named = new Schemas();
  const paths = Object.fromEntries(
    Object.entries(document['paths'] as Record<string, Json>).map(([path, operations]) => {
      const url = path.replace('{*}', '{path}');
      const mended = Object.entries(operations).map(([method, operation]) => [
        method,
        named.mend(withBody(withParameters(url, operation as Json))),
      ]);
      return [url, Object.fromEntries(mended)];
    }),
  );
  const schemas = Object.fromEntries([...named.components].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...document, paths, components: { ...(document['components'] as Json), schemas } };
}

function withParameters(url: string, operation: Json): Json {
  const listed = operation['parameters'] as Json[] | undefined;
  if (!listed) return operation;
  const parameters = listed
    .map((parameter) => (parameter['name'] === '*' ? { ...parameter, name: 'path' } : parameter))
    .filter(({ in: place, name }) => place !== 'path' || url.includes(`{${name}}`))
    .map((parameter) =>
      (parameter['schema'] as Json)['default'] === undefined ? parameter : { ...parameter, required: false },
    );
  return { ...operation, parameters };
}

/** A body that may be null may be absent. */
function withBody(operation: Json): Json {
  const body = operation['requestBody'] as { content: Record<string, { schema: Json }> } | undefined;
  const { anyOf } = body?.content['application/json']?.schema ?? {};
  const isNull = (schema: unknown) => isObject(schema) && schema['type'] === 'null';
  if (!Array.isArray(anyOf) || !anyOf.some(isNull)) return operation;
  return { ...operation, requestBody: { ...body, required: false } };
}

class Schemas {
  readonly components = new Map<string, Json>();

  mend<T>(value: T, isMap = false): T {
    if (Array.isArray(value)) return value.map((entry) => this.mend(entry)) as T;
    if (!isObject(value)) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, this.mend(inner, !isMap && MAPS.has(key))]);
    const mended: Json = Object.fromEntries(entries);
    return (isMap ? mended : this.#named(asObject(asBytes(asEnumeration(portable(mended)))))) as T;
  }

  #named(schema: Json): Json {
    const { title, ...rest } = schema;
    if (typeof title !== 'string' || !NAME.test(title)) return schema;
    const known = this.components.get(title);
    // the description of a parameter's schema has become that of the parameter
    const described = { description: known?.['description'], ...rest };
    if (known && !isDeepStrictEqual({ ...known, description: described.description }, described))
      throw new Error(`Two different schemas have the title ${title}.`);
    this.components.set(title, known?.['description'] ? known : rest);
    return { $ref: `#/components/schemas/${title}` };
  }
}

/** `anyOf: [{const: "a"}, {const: "b"}]`, which generators turn into one type for each text. */
function asEnumeration(schema: Json): Json {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf)) return schema;
  const texts = anyOf.map(singleText);
  return texts.every((text) => text !== undefined) ? { ...rest, type: 'string', enum: texts } : schema;
}

function singleText(schema: unknown): string | undefined {
  const { const: constant, enum: values } = isObject(schema) ? schema : {};
  const [text, ...others] = Array.isArray(values) ? values : [constant];
  return typeof text === 'string' && others.length === 0 ? text : undefined;
}

/** Generators know bytes by `format`, which a validator would check on the body itself. */
const asBytes = (schema: Json): Json =>
  schema['contentMediaType'] === undefined ? schema : { type: 'string', format: 'binary', ...schema };

/** `\p{...}` names a class of characters of Unicode, which few other languages know. */
function portable(schema: Json): Json {
  const { pattern, ...rest } = schema;
  return typeof pattern === 'string' && /\\p\{/i.test(pattern) ? rest : schema;
}

const asObject = (schema: Json): Json => (isObject(schema['properties']) ? { type: 'object', ...schema } : schema);
