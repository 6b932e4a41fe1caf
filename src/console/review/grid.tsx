import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { LabelBadge } from './label-badge.tsx';
import { Picture } from './picture.tsx';
import { describe } from './reason.ts';
import type { CapturedImage } from './types.ts';
import type { Review } from './use-review.ts';

/** Size of a tile with its gap, pixels. */
const TILE = 168;
const ROW = 176;
/** Rows above and below the visible ones. */
const MARGIN = 1;

const idOf = (i: number) => `image-${i}`;

/** The images that pass the filter. Only those in sight are in the document, so that 10,000 are no burden. */
export function Grid({ tenant, review }: { tenant: string; review: Review }) {
  const { shown, active } = review;
  const { box, size, columns, measure } = useWindow(review);
  const images = shown.value;

  const first = Math.max(0, Math.floor(size.value.top / ROW) - MARGIN) * columns;
  const rows = Math.ceil(size.value.height / ROW) + 2 * MARGIN + 1;
  const visible = images.slice(first, first + rows * columns);

  const page = Math.max(1, Math.floor(size.value.height / ROW)) * columns;
  return (
    <div
      class="review-grid"
      ref={box}
      role="listbox"
      aria-label="Kept images"
      aria-multiselectable="true"
      aria-activedescendant={images.length > 0 ? idOf(active.value) : undefined}
      tabIndex={0}
      onScroll={measure}
      onKeyDown={(event) => onKey(event, review, { columns, page })}
    >
      <div style={{ height: `${Math.ceil(images.length / columns) * ROW}px` }} role="presentation">
        {visible.map((image, offset) => {
          const i = first + offset;
          const place = { top: `${Math.floor(i / columns) * ROW}px`, left: `${(i % columns) * TILE}px` };
          return <Tile key={image.sha256} tenant={tenant} review={review} i={i} place={place} image={image} />;
        })}
      </div>
    </div>
  );
}

/** The part of the list that is in sight; the active image stays in it. */
function useWindow({ shown, active }: Review) {
  const box = useRef<HTMLDivElement>(null);
  const size = useSignal({ width: TILE, height: 3 * ROW, top: 0 });
  const columns = Math.max(1, Math.floor(size.value.width / TILE));
  const images = shown.value;

  const measure = () => {
    const { clientWidth: width = TILE, clientHeight: height = ROW, scrollTop: top = 0 } = box.current ?? {};
    size.value = { width, height, top };
  };
  useEffect(() => {
    measure();
    const observer = new ResizeObserver(measure);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  // the active image stays in sight
  useEffect(() => {
    const top = Math.floor(active.value / columns) * ROW;
    const element = box.current;
    if (!element) return;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW - element.clientHeight;
  }, [active.value, columns, images.length]);
  return { box, size, columns, measure };
}

/** Moves the active image, and selects with space and with shift. */
function onKey(event: KeyboardEvent, review: Review, { columns, page }: { columns: number; page: number }): void {
  const { shown, active, selected, toggle } = review;
  const images = shown.value;
  const steps: Record<string, number> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: page,
    PageUp: -page,
    Home: -images.length,
    End: images.length,
  };
  const select = () => {
    const image = images[active.value];
    if (image && !selected.value.has(image.sha256)) toggle(image.sha256);
  };
  const step = steps[event.key];
  const image = images[active.value];
  if (event.key === ' ' && image) toggle(image.sha256);
  else if (step === undefined) return;
  else {
    if (event.shiftKey) select();
    active.value = Math.max(0, Math.min(images.length - 1, active.value + step));
    if (event.shiftKey) select();
  }
  event.preventDefault();
}

interface TileProps {
  tenant: string;
  review: Review;
  image: CapturedImage;
  /** Its number in the list. */
  i: number;
  place: { top: string; left: string };
}

function Tile({ tenant, review, image, i, place }: TileProps) {
  const { shown, active, selected, toggle } = review;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the list has the focus and the keys
    <div
      id={idOf(i)}
      class={`tile${i === active.value ? ' active' : ''}`}
      role="option"
      aria-selected={selected.value.has(image.sha256)}
      aria-setsize={shown.value.length}
      aria-posinset={i + 1}
      style={place}
      onClick={(event) => {
        active.value = i;
        if (event.ctrlKey || event.metaKey || event.shiftKey) toggle(image.sha256);
      }}
    >
      <Picture tenant={tenant} image={image} alt={describe(image)} />
      <span class={`badge ${image.verdict.decision}`}>
        {image.verdict.decision === 'ood' ? 'refused' : image.verdict.prediction.class}
      </span>
      <LabelBadge label={image.label} />
    </div>
  );
}
