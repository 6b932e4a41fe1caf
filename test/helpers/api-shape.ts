/** The parts of an OpenAPI document that are the interface: what a client may rely on, as short lines that can be compared. */

// biome-ignore lint/suspicious/noExplicitAny: a document of OpenAPI is read where it is asserted
type Json = any;
type Lines = Set<string>;

/** Operation → lines: parameters, and the fields of its successful JSON replies with their types. */
export type Shape = Record<string, string[]>;

/** Settings that were removed before there was a policy; docs/upgrading.md names them. */
export const REMOVED_SETTINGS = ['CLIPN_DECODE_THREADS'];

const DEPTH = 12;

/** The schema that a reference names, or the schema itself. */
function resolved(document: Json, schema: Json): Json {
  const keys: string[] = schema.$ref?.slice(2).split('/') ?? [];
  return keys.length === 0 ? schema : keys.reduce((at: Json, key) => at?.[key], document);
}

function typeOf(document: Json, schema: Json): string {
  const { type, anyOf, oneOf, const: constant } = resolved(document, schema);
  const several = anyOf ?? oneOf;
  if (several) return [...new Set(several.map((one: Json) => typeOf(document, one)))].sort().join('|');
  if (type === undefined && constant !== undefined) return typeof constant;
  return [type ?? 'any'].flat().sort().join('|');
}

/** Adds a line for each field below a schema: "results[].decision: string". References are followed. */
function fields(document: Json, schema: Json, path: string, lines: Lines, depth = 0): void {
  if (!schema || depth > DEPTH) return;
  if (schema.$ref) {
    fields(document, resolved(document, schema), path, lines, depth + 1);
    return;
  }
  for (const one of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])])
    fields(document, one, path, lines, depth + 1);
  if (schema.items) fields(document, schema.items, `${path}[]`, lines, depth + 1);
  for (const [name, field] of Object.entries<Json>(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    lines.add(`${at}: ${typeOf(document, field)}`);
    fields(document, field, at, lines, depth + 1);
  }
}

/** The interface of a document: every operation under /v1 and /v2, and the probes. */
export function shapeOf(document: Json): Shape {
  const shape: Shape = {};
  for (const [path, methods] of Object.entries<Json>(document.paths)) {
    if (!/^\/(v\d|livez|readyz|metrics)/.test(path)) continue;
    for (const [method, { parameters = [], responses = {} }] of Object.entries<Json>(methods)) {
      const lines: Lines = new Set();
      for (const p of parameters) if (p.in !== 'path') lines.add(`${p.in} ${p.name}`);
      for (const [status, { content = {} }] of Object.entries<Json>(responses)) {
        const schema = content['application/json']?.schema;
        if (!status.startsWith('2')) continue;
        lines.add(`answers ${status}`);
        fields(document, schema, '', lines);
      }
      // 1.0.0 had no name for the rest of a path
      shape[`${method.toUpperCase()} ${path.replace('{path}', '{*}')}`] = [...lines].sort();
    }
  }
  return shape;
}

/** Parameters that a request must have. */
export function requiredParameters(document: Json): Set<string> {
  return new Set(
    Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
      Object.entries<Json>(methods).flatMap(([method, { parameters = [] }]) =>
        parameters
          .filter((p: Json) => p.required && p.in !== 'path')
          .map((p: Json) => `${method.toUpperCase()} ${path}: ${p.in} ${p.name}`),
      ),
    ),
  );
}
