/** Resolves when a frame with the changes so far has been painted, or soon in a hidden page. */
function frame(): Promise<void> {
  return new Promise((resolve) => {
    const wait = setTimeout(resolve, 200);
    requestAnimationFrame(() => {
      clearTimeout(wait);
      setTimeout(resolve);
    });
  });
}

/** How long a new picture is kept in sight while it loads and its verdict is computed, in milliseconds. */
const LONGEST_MS = 20_000;
let watching = new AbortController();

/**
 * Keeps the verdict of the newest picture in sight: on a phone, the classes and the area for adding pictures take the whole screen. The
 * card grows when its picture is loaded and when its verdict is there. It ends as soon as the user does anything.
 */
export async function keepInSight(): Promise<void> {
  watching.abort();
  watching = new AbortController();
  const { signal } = watching;
  await frame();
  const card = document.querySelector('.stage .card, .stage .tile');
  if (!card || signal.aborted) return;
  const observer = new ResizeObserver(() => bringIntoSight(card));
  observer.observe(card);
  const stop = () => watching.abort();
  signal.addEventListener('abort', () => observer.disconnect());
  for (const type of ['pointerdown', 'wheel', 'keydown', 'touchstart'])
    document.addEventListener(type, stop, { signal, passive: true });
  setTimeout(() => observer.disconnect(), LONGEST_MS);
}

function bringIntoSight(card: Element): void {
  const verdict = card.querySelector('.badge, .tile-verdict');
  if (!verdict) return;
  const { top, bottom } = verdict.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) card.scrollIntoView({ block: 'start', behavior: 'instant' });
}
