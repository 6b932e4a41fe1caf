import type { Manifest } from './chart.ts';

type Labels = Record<string, string>;

export interface Pod {
  labels: Labels;
  /** Labels of its namespace; every namespace has kubernetes.io/metadata.name. */
  namespace: Labels;
  /** Names of its container ports. */
  ports?: Record<string, number>;
}

export const namespace = (name: string): Labels => ({ 'kubernetes.io/metadata.name': name });

/** A selector without terms selects all; only the terms that the chart writes are known here. */
export function selects(selector: Manifest, labels: Labels): boolean {
  const { matchLabels = {}, ...others } = selector;
  if (Object.keys(others).length > 0) throw new Error(`not known here: ${Object.keys(others)}`);
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
}

/** Whether a peer of a rule names a pod. Without a namespaceSelector it names pods of the policy's own namespace. */
function isPeer(peer: Manifest, pod: Pod, policy: Manifest): boolean {
  if (peer.ipBlock) return false;
  const inNamespace = peer.namespaceSelector
    ? selects(peer.namespaceSelector, pod.namespace)
    : pod.namespace['kubernetes.io/metadata.name'] === policy.metadata.namespace;
  return inNamespace && (!peer.podSelector || selects(peer.podSelector, pod.labels));
}

export interface Connection {
  /** The pod that the policy is for. */
  own: Pod;
  /** The other pod; nothing for an address outside the cluster. */
  other: Pod | undefined;
  direction: 'Ingress' | 'Egress';
  port: number;
  protocol?: 'TCP' | 'UDP';
}

/**
 * Whether policies permit a connection, by the rules of networking.k8s.io/v1: a pod that no policy selects for a direction is open in it, and
 * an isolated one takes what any rule permits; a rule without peers or ports permits all of them; a named port is that of the pod
 * that is connected to.
 */
export function permits(policies: Manifest[], connection: Connection): boolean {
  const { own, other, direction, port, protocol = 'TCP' } = connection;
  const isolating = policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === own.namespace['kubernetes.io/metadata.name'] &&
      selects(spec.podSelector, own.labels) &&
      spec.policyTypes.includes(direction),
  );
  if (isolating.length === 0) return true;
  const target = direction === 'Ingress' ? own : other;
  const [rules, peers] = direction === 'Ingress' ? ['ingress', 'from'] : ['egress', 'to'];
  const isPort = (p: Manifest) =>
    (p.protocol ?? 'TCP') === protocol && (typeof p.port === 'string' ? target?.ports?.[p.port] : p.port) === port;
  return isolating.some((policy) =>
    (policy.spec[rules as string] ?? []).some(
      (rule: Manifest) =>
        (!rule[peers as string] || (other && rule[peers as string].some((p: Manifest) => isPeer(p, other, policy)))) &&
        (!rule.ports || rule.ports.some(isPort)),
    ),
  );
}

/**
 * Pods that may be evicted at once, by the rules of the disruption controller: of the wanted number of pods, maxUnavailable (a share is
 * rounded up) may be missing, and those that are not healthy count as missing already.
 */
export function evictable(budget: Manifest, wanted: number, healthy: number): number {
  const { maxUnavailable } = budget.spec;
  const share = /^(\d+)%$/.exec(String(maxUnavailable))?.[1];
  const most = share === undefined ? Number(maxUnavailable) : Math.ceil((Number(share) / 100) * wanted);
  return Math.max(0, healthy - Math.max(0, wanted - most));
}
