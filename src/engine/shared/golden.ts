import { ServiceError } from '../../errors/index.ts';

/**
 * Compares features that this machine has computed with those that PyTorch computed when the bundle was made. Returns the largest absolute
 * difference. Throws if it is above the tolerance, because a runtime with other outputs must not serve.
 */
export function checkGolden(what: string, computed: Float32Array, expected: Float32Array, tolerance: number): number {
  let worst = computed.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((computed[i] as number) - (expected[i] as number));
    // NaN must not compare as small
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  if (worst > tolerance) {
    throw new ServiceError(
      'engine_unavailable',
      'On this machine the model computes other results than when it was made.',
      {
        internal: `golden check of ${what}: largest difference ${worst}, tolerance ${tolerance}`,
      },
    );
  }
  return worst;
}
