import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { classNameFault, templateFault } from '../clipn/index.ts';
import { ServiceError } from '../errors/index.ts';

/** The rules of clipn/, as a schema. */
export const MethodSchema = Type.Union([Type.Literal('ctw'), Type.Literal('atd'), Type.Literal('atd-rescaled')], {
  description:
    'Which of the threshold-free rules decides: competing to win, agreeing to differ, or the latter rescaled.',
});

const Templates = Type.Array(Type.String(), {
  minItems: 1,
  maxItems: 256,
  description: 'Prompt templates, each with one {} where the class name goes. Kept to the letter.',
});

/** What a tenant is, as its owner states it. Everything else about a tenant is derived. */
export const TenantDefinition = Type.Object(
  {
    classes: Type.Array(Type.String(), {
      minItems: 1,
      description: 'Class names. Kept to the letter and in order; duplicates are legal and stay apart.',
    }),
    templates: Type.Optional(Templates),
    templates_no: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        maxItems: 256,
        description: 'Templates for the "no" encoder; without them the same templates go through both.',
      }),
    ),
    method: Type.Optional(MethodSchema),
  },
  { additionalProperties: false },
);
export type TenantDefinition = Static<typeof TenantDefinition>;

/** A definition at one moment. `version` counts changes from 1; `created_at` tells a tenant from its namesake deleted before. */
export const TenantRecord = Type.Object(
  {
    id: Type.String(),
    version: Type.Integer({ minimum: 1 }),
    created_at: Type.String(),
    updated_at: Type.String(),
    definition: TenantDefinition,
  },
  { additionalProperties: false },
);
export type TenantRecord = Static<typeof TenantRecord>;

/** Lower-case letters, digits, dot, hyphen and underscore: the same in addresses, file names, metric labels and databases. */
export const TENANT_ID = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** Two definitions are the same when this is: object order does not matter, order of classes does. */
export function sameDefinition(a: TenantDefinition, b: TenantDefinition): boolean {
  const canonical = (d: TenantDefinition) =>
    JSON.stringify([d.classes, d.templates ?? null, d.templates_no ?? null, d.method ?? null]);
  return canonical(a) === canonical(b);
}

/** Strong validator of one stored state (RFC 9110), quotes included. */
export function etagOf(record: TenantRecord): string {
  const hash = createHash('sha256').update(JSON.stringify(record)).digest('hex').slice(0, 16);
  return `"${record.version}-${hash}"`;
}

/** @throws ServiceError invalid_request that lists the first ten faults, each with its place */
export function checkDefinition(definition: TenantDefinition, limits: { maxClasses: number }): void {
  const { classes } = definition;
  if (classes.length > limits.maxClasses) {
    throw new ServiceError(
      'invalid_request',
      `A tenant may have at most ${limits.maxClasses} classes, this one has ${classes.length}.`,
      {
        extra: { limit: limits.maxClasses },
      },
    );
  }
  const faults: { path: string; message: string }[] = [];
  const look = (path: string, message: string | undefined) =>
    message !== undefined && faults.length < 10 && faults.push({ path, message });
  for (const [i, name] of classes.entries()) look(`/classes/${i}`, classNameFault(name));
  for (const key of ['templates', 'templates_no'] as const) {
    for (const [i, template] of (definition[key] ?? []).entries()) look(`/${key}/${i}`, templateFault(template));
  }
  if (faults.length > 0) {
    throw new ServiceError('invalid_request', `The tenant is not valid: ${faults[0]?.message}.`, {
      extra: { errors: faults },
    });
  }
}

/** @throws ServiceError invalid_request */
export function checkTenantId(id: string): void {
  if (TENANT_ID.test(id)) return;
  throw new ServiceError(
    'invalid_request',
    'A tenant id has 1 to 63 characters: lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit.',
  );
}

export interface Prompts {
  yes: string[];
  no: string[];
}

/**
 * The templates that really go through the two encoders. A bundle of the hand-crafted variant pairs its prompts ("a photo of" with
 * "a photo without"), so there a tenant's own templates must come in pairs too.
 * @throws ServiceError invalid_request
 */
export function promptsOf(definition: TenantDefinition, bundle: { yes: string[]; no: string[] | null }): Prompts {
  const { templates, templates_no: templatesNo } = definition;
  if (bundle.no !== null && templates !== undefined && templatesNo === undefined) {
    throw new ServiceError(
      'invalid_request',
      'This model has prompts of its own for the "no" encoder: with templates, give templates_no as well.',
    );
  }
  const yes = templates ?? bundle.yes;
  return { yes, no: templatesNo ?? (templates === undefined ? (bundle.no ?? yes) : yes) };
}
