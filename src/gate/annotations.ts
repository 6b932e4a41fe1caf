import type { Inspection } from './inspect.ts';
import type { Conclusion } from './policy.ts';
import type { Unexamined } from './reading/index.ts';
import type { Values } from './respond.ts';

/** Most images in the headers; the audit trail has all of them. */
const MAX_LISTED = 64;

/** The verdict as `x-clipn-*` headers, the same for the forwarded request and for the answer. */
export function annotations(
  { tenant, tenantVersion, method, images, unexamined }: Inspection,
  { verdict, action, cause, ood, enforced }: Conclusion,
  mode: string,
): [string, string][] {
  const listed = images.slice(0, MAX_LISTED).map(({ result }) => result);
  const list = (of: (result: (typeof listed)[number]) => string) => listed.map(of).join(',');
  const number = (value: number) => value.toPrecision(6);
  return [
    ['x-clipn-mode', enforced || mode !== 'enforce' ? mode : 'enforce; not in the share'],
    ['x-clipn-verdict', verdict],
    ['x-clipn-action', action],
    // the tenant's id may come from the client, by path or header
    ['x-clipn-tenant', encodeURIComponent([...tenant].slice(0, 64).join(''))],
    ...(tenantVersion === undefined ? [] : [['x-clipn-tenant-version', String(tenantVersion)] as [string, string]]),
    ...(method === undefined ? [] : [['x-clipn-method', method] as [string, string]]),
    ...(cause === undefined ? [] : [['x-clipn-failure', cause] as [string, string]]),
    ...(unexamined === undefined ? [] : [['x-clipn-unexamined', placeOf(unexamined)] as [string, string]]),
    ...(action === 'filter'
      ? [['x-clipn-filtered', [...ood].sort((a, b) => a - b).join(',')] as [string, string]]
      : []),
    ...(listed.length === 0
      ? []
      : ([
          ['x-clipn-decisions', list((r) => ('decision' in r ? r.decision : r.cause))],
          ['x-clipn-classes', list((r) => ('decision' in r ? encodeURIComponent(r.class) : ''))],
          ['x-clipn-no-probability', list((r) => ('decision' in r ? number(r.detection.noProbability) : ''))],
          ['x-clipn-ood-probability', list((r) => ('decision' in r ? number(r.detection.oodProbability) : ''))],
        ] as [string, string][])),
  ];
}

/** The place may contain names that the client chose. */
function placeOf({ place, why }: Unexamined): string {
  return `${place}: ${why}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}

/** The variables of answer templates. */
export function templateValues(
  { tenant, images }: Inspection,
  { verdict, cause, ood }: Conclusion,
  { requestId, route }: { requestId: string; route: string },
): Values {
  const [first] = images.flatMap(({ result }) => ('decision' in result ? [result] : []));
  return {
    request_id: requestId,
    route,
    tenant,
    verdict,
    cause,
    image_count: images.length,
    ood_indices: [...ood].sort((a, b) => a - b),
    class: first?.class,
    no_probability: first?.detection.noProbability,
    ood_probability: first?.detection.oodProbability,
  };
}
