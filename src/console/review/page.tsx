import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { getTenant } from '../api/tenants.ts';
import type { TenantReply } from '../api/types.ts';
import { nameOf } from '../class-text.ts';
import { count } from '../format.ts';
import { linkTo, route } from '../router.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { Detail } from './detail.tsx';
import { Filters } from './filters.tsx';
import { Grid } from './grid.tsx';
import { Keep } from './keep.tsx';
import { Labelling } from './labelling.tsx';
import { Rules } from './rules.tsx';
import { type Review, useReview } from './use-review.ts';

/** The kept images of a tenant: judging and labelling them, and the error rates that follow. */
export function ReviewPage() {
  const id = route.value[1] as string;
  const review = useReview(id);
  const tenant = useTenant(id);
  const { images, shown, loading, problem, active } = review;
  const image = shown.value[active.value];
  const labelled = images.value.filter(({ label }) => label !== null).length;
  const classes = classesOf(tenant, review);
  return (
    <section class="review" aria-labelledby="review-title">
      <a href={linkTo('tenants', id)}>← {id}</a>
      <h2 id="review-title">Review of {id}</h2>
      {problem.value && <ProblemNotice problem={problem.value} />}
      {!loading.value && images.value.length === 0 && !problem.value && <Nothing tenant={tenant} />}
      {images.value.length > 0 && (
        <>
          <Progress review={review} labelled={labelled} />
          <Filters review={review} />
          {image ? <Detail tenant={id} image={image} /> : <p class="hint">No image passes the filter.</p>}
          <Labelling tenant={id} classes={classes} review={review} />
          <Grid tenant={id} review={review} />
          <p class="hint">
            Arrows move, space selects, shift with arrows selects several. Keys label the selected images, or the framed
            one.
          </p>
          <Rules tenant={id} labelled={labelled} />
          <Keep tenant={id} images={images.value} />
        </>
      )}
    </section>
  );
}

/** The tenant; undefined until it is known, null for a key that may only review and cannot read the definition. */
function useTenant(id: string): TenantReply | null | undefined {
  const tenant = useSignal<TenantReply | null | undefined>(undefined);
  useEffect(() => {
    getTenant(id).then(
      (reply) => {
        tenant.value = reply;
      },
      () => {
        tenant.value = null;
      },
    );
  }, []);
  return tenant.value;
}

/** The classes that labels may name, or for lack of the definition those that were predicted. Their order never changes once it is shown. */
function classesOf(tenant: TenantReply | null | undefined, { images, loading }: Review): string[] {
  if (tenant) return tenant.definition.classes.map(nameOf);
  if (tenant === undefined || loading.value) return [];
  return [...new Set(images.value.map(({ verdict }) => verdict.prediction.class))].sort();
}

function Progress({ review, labelled }: { review: Review; labelled: number }) {
  const { images, shown, loading } = review;
  const total = images.value.length;
  return (
    <div class="review-progress">
      <progress max={total} value={labelled} aria-label="Labelled images" />
      <span>
        {labelled.toLocaleString('en')} of {count(total, 'image')} labelled{loading.value && ', loading more …'}
        {shown.value.length < total && `, ${shown.value.length.toLocaleString('en')} shown`}
      </span>
    </div>
  );
}

function Nothing({ tenant }: { tenant: TenantReply | null | undefined }) {
  return (
    <p class="notice">
      No image is kept yet.{' '}
      {tenant && tenant.definition.capture === undefined
        ? 'Turn on “Keep images for review” in the settings of the tenant.'
        : 'Images appear here after the next verdicts.'}
    </p>
  );
}
