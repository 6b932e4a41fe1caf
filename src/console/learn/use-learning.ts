import { type Signal, useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { CalibrationReply } from '../../http/schemas/calibration.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { getTenant } from '../api/tenants.ts';
import type { CalibrationScore, TenantReply } from '../api/types.ts';
import type { Picture } from '../playground/files.ts';
import { type OwnImage, ownImages, planOf } from './own-images.ts';
import type { Sendable } from './portions.ts';
import { calibrate, decideByCalibration, sendExamples } from './send.ts';

const sendable = ({ name, blob }: OwnImage): Sendable => ({ name, bytes: blob.size, file: async () => blob });

/** The step of the page: no work is in progress, so many images are sent, or a calibration is stored. */
type State = 'idle' | { sent: number; of: number } | { reply: CalibrationReply; failed: number };

/** The user's photographs and their use. */
function usePhotographs(tenant: Signal<TenantReply | undefined>) {
  const images = useSignal<OwnImage[]>([]);
  /** Files that are no pictures. */
  const others = useSignal(0);
  const perClass = useSignal(1);
  const plan = useComputed(() => planOf(images.value, perClass.value));
  const add = (pictures: readonly Picture[]) => {
    const found = ownImages(pictures, tenant.value?.definition.classes ?? []);
    others.value += pictures.length - found.length;
    images.value = [...images.value, ...found];
  };
  const toggle = (image: OwnImage) => {
    images.value = images.value.map((other) => (other === image ? { ...image, used: !image.used } : other));
  };
  const clear = () => {
    images.value = [];
    others.value = 0;
  };
  return { images, others, perClass, plan, add, toggle, clear };
}

/** The user's photographs, and the calibration that is made of them. */
export function useLearning(id: string) {
  const tenant = useSignal<TenantReply | undefined>(undefined);
  const photographs = usePhotographs(tenant);
  const keep = useSignal(0.95);
  const score = useSignal<CalibrationScore>('atd');
  const state = useSignal<State>('idle');
  const problem = useSignal<ApiError | undefined>(undefined);

  /** Shows the problem of a step; true if there was none. */
  const tried = async (step: () => Promise<void>): Promise<boolean> => {
    try {
      await step();
      problem.value = undefined;
      return true;
    } catch (error) {
      problem.value = asProblem(error);
      return false;
    }
  };
  const load = async () => {
    tenant.value = await getTenant(id);
  };
  useEffect(() => void tried(load), []);

  const send = () =>
    tried(async () => {
      const { examples, calibration } = photographs.plan.value;
      let before = 0;
      const of = calibration.length + [...examples.values()].flat().length;
      const onSent = (sent: number) => {
        state.value = { sent: before + sent, of };
      };
      onSent(0);
      // first the examples, because they change the scores that the calibration is made of
      for (const [name, some] of examples) {
        await sendExamples(id, name, some.map(sendable), { onSent });
        before += some.length;
      }
      const wish = { keep: keep.value, score: score.value, onSent };
      state.value = await calibrate(id, calibration.map(sendable), wish);
      await load();
    }).then((done) => {
      if (!done) state.value = 'idle';
    });
  const decide = () =>
    tried(async () => {
      await decideByCalibration(tenant.value as TenantReply);
      await load();
    });

  const clear = () => {
    photographs.clear();
    state.value = 'idle';
  };

  return { ...photographs, tenant, keep, score, state, problem, clear, send, decide };
}

export type Learning = ReturnType<typeof useLearning>;
