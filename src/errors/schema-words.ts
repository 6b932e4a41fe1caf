/** A fault as Ajv reports it with the option `verbose`. */
export interface SchemaFault {
  keyword: string;
  instancePath: string;
  schemaPath: string;
  params: Record<string, unknown>;
  message?: string | undefined;
  /** The value of the keyword, and the schema that has it. */
  schema?: unknown;
  parentSchema?: unknown;
}

/** Most names or values that one fault lists. */
const MOST_LISTED = 20;
const TYPES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
};
type Words = (fault: SchemaFault) => string;
const characters = (n: unknown) => (n === 1 ? '1 character' : `${n} characters`);
const entries = (n: unknown) => (n === 1 ? '1 entry' : `${n} entries`);

const WORDS: Record<string, Words> = {
  type: ({ params }) => `must be ${either([params['type']].flat().map((type) => TYPES[String(type)] ?? String(type)))}`,
  const: ({ params }) => `must be ${JSON.stringify(params['allowedValue'])}`,
  enum: ({ params }) =>
    `must be ${either((params['allowedValues'] as unknown[]).map((value) => JSON.stringify(value)))}`,
  required: ({ params }) => `needs the property "${params['missingProperty']}"`,
  additionalProperties: ({ params, parentSchema }) => {
    const known = Object.keys((parentSchema as { properties?: object } | undefined)?.properties ?? {});
    const named = `has an unknown property ${JSON.stringify(String(params['additionalProperty']).slice(0, 64))}`;
    return known.length === 0 ? named : `${named}; its properties are ${known.slice(0, MOST_LISTED).join(', ')}`;
  },
  minimum: ({ params }) => `must be at least ${params['limit']}`,
  maximum: ({ params }) => `must be at most ${params['limit']}`,
  exclusiveMinimum: ({ params }) => `must be more than ${params['limit']}`,
  exclusiveMaximum: ({ params }) => `must be less than ${params['limit']}`,
  minLength: ({ params }) => `must have at least ${characters(params['limit'])}`,
  maxLength: ({ params }) => `must have at most ${characters(params['limit'])}`,
  minItems: ({ params }) => `must have at least ${entries(params['limit'])}`,
  maxItems: ({ params }) => `must have at most ${entries(params['limit'])}`,
  pattern: ({ parentSchema }) => {
    const { description } = (parentSchema ?? {}) as { description?: string };
    return description
      ? `does not have the expected form (${description.replace(/\.$/, '')})`
      : 'does not have the expected form';
  },
};

/** "a", "a or b", "a, b or c". */
function either(names: string[]): string {
  const listed = names.slice(0, MOST_LISTED);
  return listed.length < 2 ? (listed[0] ?? '') : `${listed.slice(0, -1).join(', ')} or ${listed.at(-1)}`;
}

/**
 * Faults in words for people: no regular expressions, and one fault where none of several alternatives fits.
 * @returns the same faults with their text in `message`, without those of alternatives that were not meant
 */
export function inWords<Fault extends SchemaFault>(faults: readonly Fault[]): (Fault & { message: string })[] {
  const unions = faults.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  const told: (Fault & { message: string })[] = [];
  const hidden = new Set<Fault>();
  for (const union of unions) {
    const inside = faults.filter(
      (fault) =>
        fault !== union &&
        fault.schemaPath.startsWith(`${union.schemaPath}/`) &&
        fault.instancePath.startsWith(union.instancePath),
    );
    const meant = meantAlternative(union, inside);
    for (const fault of inside) if (!meant?.includes(fault)) hidden.add(fault);
    if (meant) hidden.add(union);
  }
  for (const fault of faults) {
    if (hidden.has(fault)) continue;
    const words = unions.includes(fault) ? alternatives(fault) : WORDS[fault.keyword]?.(fault);
    told.push({ ...fault, message: words ?? fault.message ?? 'is not valid' });
  }
  return told;
}

/** The faults of the alternative that has the type of the value and is not a constant; undefined if none has. */
function meantAlternative<Fault extends SchemaFault>(
  union: SchemaFault,
  inside: readonly Fault[],
): Fault[] | undefined {
  const groups = new Map<string, Fault[]>();
  for (const fault of inside) {
    const branch = fault.schemaPath.slice(union.schemaPath.length + 1).split('/')[0] as string;
    groups.set(branch, [...(groups.get(branch) ?? []), fault]);
  }
  const wrongKind = ({ keyword, instancePath }: SchemaFault) =>
    instancePath === union.instancePath && ['type', 'const', 'enum'].includes(keyword);
  return [...groups.values()].find((group) => !group.some(wrongKind));
}

function alternatives({ schema }: SchemaFault): string {
  const branches = Array.isArray(schema) ? (schema as { const?: unknown; type?: string }[]) : [];
  const names = branches.map((branch) => ('const' in branch ? JSON.stringify(branch.const) : TYPES[branch.type ?? '']));
  const known = names.filter((name) => name !== undefined);
  return known.length === 0 ? 'does not fit any of its forms' : `must be ${either(known)}`;
}
