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

/**
 * Scrolls to the newest picture if its verdict is not in sight: on a phone, the classes and the area for adding pictures take the whole screen.
 */
export async function bringIntoSight(): Promise<void> {
  await frame();
  const card = document.querySelector('.stage .card, .stage .tile');
  const verdict = card?.querySelector('.badge, .tile-verdict');
  if (!card || !verdict) return;
  const { top, bottom } = verdict.getBoundingClientRect();
  // the verdict may take a second line when it is there
  if (top >= 0 && bottom + 40 <= innerHeight) return;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  card.scrollIntoView({ block: 'start', behavior: still ? 'instant' : 'smooth' });
}
