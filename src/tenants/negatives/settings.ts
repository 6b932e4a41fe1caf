import { type Static, Type } from 'typebox';
import {
  NEGATIVE_METHODS,
  type NegativeMethod,
  PUBLISHED_GROUPS,
  PUBLISHED_QUANTILE,
  type Rule,
} from '../../clipn/index.ts';
import { defined } from '../../defined.ts';
import { ServiceError } from '../../errors/index.ts';

/** Negative labels of both official implementations: 15 % of WordNet. */
const PUBLISHED_LABELS = 10_000;

/** Whether and how a tenant's images are compared with negative labels: words that the classes are not. Without it they are not. */
export const Negatives = Type.Object(
  {
    labels: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description: 'Number of negative labels, 10,000 by default; with fewer words than that all of them.',
      }),
    ),
    quantile: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        description:
          'The quantile of the similarities of a word with the classes by which words are chosen, the least similar first; 0.95 by default.',
      }),
    ),
    groups: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Number of groups into which the labels are dealt; 100 by default.',
      }),
    ),
    pool: Type.Optional(
      Type.Boolean({
        description: 'Whether the score of the conjugated semantic pool (CSP) is computed as well; false by default.',
      }),
    ),
    looks_like: Type.Optional(
      Type.Boolean({
        description:
          'Whether words that refused images look like are counted, for `GET /v1/tenants/{tenant}/looks-like`; false by default. It changes no verdict.',
      }),
    ),
  },
  {
    title: 'Negatives',
    additionalProperties: false,
    description:
      'Compares images with negative labels as well: words that are least like the classes. {} takes the published values.',
  },
);
export type Negatives = Static<typeof Negatives>;

/** The settings with their defaults: NegLabel's, and no pool. */
export function settingsOf(negatives: Negatives): Required<Negatives> {
  const defaults = {
    labels: PUBLISHED_LABELS,
    quantile: PUBLISHED_QUANTILE,
    groups: PUBLISHED_GROUPS,
    pool: false,
    looks_like: false,
  };
  return { ...defaults, ...defined(negatives) };
}

/** The same numbers for the same scores. */
export function scoredBySettings(negatives: Negatives): (number | boolean)[] {
  const { labels, quantile, groups, pool } = settingsOf(negatives);
  return [labels, quantile, groups, pool];
}

/** The same numbers for the same meaning, as part of `canonical`. */
export function canonicalNegatives(negatives: Negatives): (number | boolean)[] {
  return [...scoredBySettings(negatives), ...(settingsOf(negatives).looks_like ? [true] : [])];
}

/** The refusal of a tenant with negative labels by an installation without a word list. */
export const negativesUnsupported = (): ServiceError =>
  new ServiceError('negatives_unsupported', 'This installation has no word list, which negative labels need.');

const isNegative = (rule: Rule): rule is NegativeMethod => NEGATIVE_METHODS.some((method) => method === rule);

/** The reason why a tenant with these negatives cannot use the rule, as a public text; undefined if it can. */
export function methodFault(
  rule: Rule | undefined,
  negatives: Pick<Negatives, 'pool'> | undefined,
): string | undefined {
  if (rule === undefined || !isNegative(rule)) return undefined;
  if (!negatives) return `the rule ${rule} needs negative labels: add "negatives": {} to the tenant`;
  if (rule === 'csp' && !negatives.pool) return 'the rule csp needs the conjugated pool: set "pool": true in negatives';
  return undefined;
}
