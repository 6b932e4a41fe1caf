import { linkTo } from './router.ts';

/** Shown for an address that is no page of the console. */
export function NotFound() {
  return (
    <section class="explanation" aria-labelledby="not-found-title">
      <h2 id="not-found-title">There is no page at this address</h2>
      <p role="alert">
        <code>{location.hash}</code> may be misspelt, or belong to another version of the console.
      </p>
      <p>
        Go to the <a href={linkTo('playground')}>playground</a>, to the list of <a href={linkTo('tenants')}>tenants</a>,
        or to what happens <a href={linkTo('now')}>now</a>.
      </p>
    </section>
  );
}
