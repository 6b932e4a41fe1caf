import type { Inspection } from './inspect.ts';
import type { Conclusion } from './policy.ts';
import type { Unexamined } from './reading/index.ts';
import type { Values } from './respond.ts';

/**
 * Most bytes of a list in the headers, and of the name of a class; the audit trail has all images. With it all fields together stay
 * below 3 KB, since servers refuse headers of 4 to 8 KB (nginx, gunicorn).
 */
const LIST_BYTES = 512;
const NAME_BYTES = 96;

/** The beginning of a text in percent-encoding, whole characters only. */
function encoded(text: string): string {
  let result = '';
  for (const character of text) {
    const next = encodeURIComponent(character.replace(/\p{Surrogate}/u, '\ufffd'));
    if (result.length + next.length > NAME_BYTES) return result;
    result += next;
  }
  return result;
}

/** The number of items whose list has at most `LIST_BYTES`, with commas between them. */
function fitting(items: readonly string[]): number {
  let bytes = -1;
  const over = items.findIndex((item) => {
    bytes += item.length + 1;
    return bytes > LIST_BYTES;
  });
  return over < 0 ? items.length : over;
}

const listOf = (items: readonly (string | number)[]): string => {
  const texts = items.map(String);
  return texts.slice(0, fitting(texts)).join();
};

/** The verdict as `x-clipn-*` headers, the same for the forwarded request and for the answer. */
export function annotations(
  { tenant, tenantVersion, method, images, unexamined }: Inspection,
  { verdict, action, cause, ood, enforced }: Conclusion,
  mode: string,
): [string, string][] {
  const results = images.map(({ result }) => result);
  const number = (value: number) => value.toPrecision(6);
  const lists: [string, string[]][] = [
    ['x-clipn-decisions', results.map((r) => ('decision' in r ? r.decision : r.cause))],
    ['x-clipn-classes', results.map((r) => ('decision' in r ? encoded(r.class) : ''))],
    ['x-clipn-no-probability', results.map((r) => ('decision' in r ? number(r.detection.noProbability) : ''))],
    ['x-clipn-ood-probability', results.map((r) => ('decision' in r ? number(r.detection.oodProbability) : ''))],
  ];
  if (results.some((r) => 'decision' in r && r.calibrated))
    lists.push(['x-clipn-bands', results.map((r) => ('decision' in r ? (r.calibrated?.band ?? '') : ''))]);
  // all lists have the same images
  const listed = Math.min(...lists.map(([, items]) => fitting(items)));
  return [
    ['x-clipn-mode', enforced || mode !== 'enforce' ? mode : 'enforce; not in the share'],
    ['x-clipn-verdict', verdict],
    ['x-clipn-action', action],
    // the tenant's id may come from the client, by path or header
    ['x-clipn-tenant', encoded(tenant)],
    ...(tenantVersion === undefined ? [] : [['x-clipn-tenant-version', String(tenantVersion)] as [string, string]]),
    ...(method === undefined ? [] : [['x-clipn-method', method] as [string, string]]),
    ...(cause === undefined ? [] : [['x-clipn-failure', cause] as [string, string]]),
    ...(unexamined === undefined ? [] : [['x-clipn-unexamined', placeOf(unexamined)] as [string, string]]),
    ...(action === 'filter' ? [['x-clipn-filtered', listOf([...ood].sort((a, b) => a - b))] as [string, string]] : []),
    ...(listed < results.length ? [['x-clipn-listed', `${listed}/${results.length}`] as [string, string]] : []),
    ...(listed === 0 ? [] : lists.map(([name, items]): [string, string] => [name, items.slice(0, listed).join()])),
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
