import { type Static, Type } from 'typebox';
import { classNameFault, RULES, type Rule, templateFault } from '../clipn/index.ts';
import { ServiceError } from '../errors/index.ts';
import { CaptureRules, captureRulesOf } from './capture-rules.ts';
import { ClassEntry, textsOf } from './classes.ts';
import { canonicalEvents, TenantEvents } from './events.ts';
import { canonicalNegatives, methodFault, Negatives } from './negatives/settings.ts';

/** The decision rules of clipn/, as a schema. */
export const MethodSchema = Type.Unsafe<Rule>(
  Type.Union(
    RULES.map((rule) => Type.Literal(rule)),
    {
      title: 'Method',
      description:
        'The rule that decides: competing to win, agreeing to differ, or the latter rescaled, without a threshold; by negative labels, alone ' +
        '(`neglabel`, `csp`) or together with the "no" (`combined`); or `calibrated`, by the threshold of the tenant\'s calibration.',
    },
  ),
);

const Templates = Type.Array(Type.String(), {
  minItems: 1,
  maxItems: 256,
  description: 'Prompt templates, each with one {} for the class name. They are used unchanged.',
});

/** Limits of one tenant, where they are lower than those of the service. */
export const TenantLimits = Type.Object(
  {
    images_per_second: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description: 'Images per second on average; bursts of one second are allowed.',
      }),
    ),
    concurrent_images: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Largest number of images of this tenant in the service at once.' }),
    ),
  },
  { title: 'TenantLimits', additionalProperties: false },
);
export type TenantLimits = Static<typeof TenantLimits>;

/** A tenant as its owner defines it. Every other property of a tenant is derived from this. */
export const TenantDefinition = Type.Object(
  {
    classes: Type.Array(ClassEntry, {
      minItems: 1,
      maxItems: 100_000,
      description:
        'Classes by name. Names are used unchanged, and their order is kept; duplicates are allowed and are separate classes.',
    }),
    templates: Type.Optional(Templates),
    templates_no: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        maxItems: 256,
        description: 'Templates of the "no" encoder; without them both encoders use `templates`.',
      }),
    ),
    method: Type.Optional(MethodSchema),
    negatives: Type.Optional(Negatives),
    limits: Type.Optional(TenantLimits),
    capture: Type.Optional(CaptureRules),
    events: Type.Optional(TenantEvents),
  },
  { title: 'TenantDefinition', additionalProperties: false },
);
export type TenantDefinition = Static<typeof TenantDefinition>;

/** The rule of `TENANT_ID` in words. */
export const TENANT_ID_RULE =
  'A tenant id has 1 to 63 characters: lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit.';
/** Lower-case letters, digits, dot, hyphen and underscore: the same in addresses, file names, metric labels and databases. */
export const TENANT_ID = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** One text per meaning: order of keys and the form of a class without aliases are ignored, order of classes is not. */
export function canonical(d: TenantDefinition): string {
  const classes = d.classes.map((entry) => {
    if (typeof entry !== 'string' && entry.text === false) return { name: entry.name };
    const texts = textsOf(entry);
    return texts.length === 1 ? texts[0] : texts;
  });
  const limits = [d.limits?.images_per_second ?? null, d.limits?.concurrent_images ?? null];
  const rules = captureRulesOf(d.capture);
  // appended only where they are used, so that entity tags of other definitions stay as they were
  const capture = rules ? [Object.entries(rules).sort(([a], [b]) => (a < b ? -1 : 1))] : [];
  const events = d.events ? [canonicalEvents(d.events)] : [];
  const negatives = d.negatives ? [canonicalNegatives(d.negatives)] : [];
  const added = [...capture, ...events, ...negatives];
  return JSON.stringify([classes, d.templates ?? null, d.templates_no ?? null, d.method ?? null, limits, ...added]);
}

export function sameDefinition(a: TenantDefinition, b: TenantDefinition): boolean {
  return canonical(a) === canonical(b);
}

/** @throws ServiceError invalid_request that lists the first ten faults, each with its place */
export function checkDefinition(definition: TenantDefinition, limits: { maxClasses: number }): void {
  const { classes } = definition;
  const texts = classes.reduce((sum, entry) => sum + textsOf(entry).length, 0);
  if (texts > limits.maxClasses) {
    const aliases = texts === classes.length ? '' : ` and ${texts - classes.length} aliases, which count like classes`;
    throw new ServiceError(
      'invalid_request',
      `A tenant may have at most ${limits.maxClasses} classes, this one has ${classes.length}${aliases}.`,
      { extra: { limit: limits.maxClasses } },
    );
  }
  const faults: { path: string; message: string }[] = [];
  const look = (path: string, message: string | undefined) =>
    message !== undefined && faults.length < 10 && faults.push({ path, message });
  for (const [i, entry] of classes.entries()) {
    if (typeof entry === 'string') look(`/classes/${i}`, classNameFault(entry));
    else {
      look(`/classes/${i}/name`, classNameFault(entry.name));
      if (entry.text === false && entry.aliases)
        look(`/classes/${i}/aliases`, 'a class with "text": false has no aliases');
      for (const [j, alias] of (entry.aliases ?? []).entries()) {
        look(`/classes/${i}/aliases/${j}`, classNameFault(alias));
      }
    }
  }
  for (const key of ['templates', 'templates_no'] as const) {
    for (const [i, template] of (definition[key] ?? []).entries()) look(`/${key}/${i}`, templateFault(template));
  }
  look('/method', methodFault(definition.method, definition.negatives));
  if (faults.length > 0) {
    throw new ServiceError('invalid_request', `The tenant is not valid: ${faults[0]?.message}.`, {
      extra: { errors: faults },
    });
  }
}

/** @throws ServiceError invalid_request */
export function checkTenantId(id: string): void {
  if (TENANT_ID.test(id)) return;
  throw new ServiceError('invalid_request', TENANT_ID_RULE);
}

export interface Prompts {
  yes: string[];
  no: string[];
}

/**
 * The templates for the two encoders. A bundle of the hand-crafted variant pairs its prompts ("a photo of" with "a photo
 * without"), so a tenant's own templates must come in pairs too.
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
