import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { fileOf } from './captures.ts';
import type { CapturedImage } from './types.ts';

/** A kept image. Its file is fetched with the key of the page, so the address is one of this page's own. */
export function Picture({ tenant, image, alt }: { tenant: string; image: CapturedImage; alt: string }) {
  const source = useSignal<string | undefined>(undefined);
  const failed = useSignal(false);
  useEffect(() => {
    const leaving = new AbortController();
    let address: string | undefined;
    fileOf(tenant, image.sha256, leaving.signal).then(
      (file) => {
        if (leaving.signal.aborted) return;
        address = URL.createObjectURL(file);
        source.value = address;
      },
      () => {
        failed.value = !leaving.signal.aborted;
      },
    );
    return () => {
      leaving.abort();
      if (address) URL.revokeObjectURL(address);
    };
  }, [image.sha256]);
  if (failed.value) return <span class="no-picture">No picture: removed, or {image.format} is not shown here</span>;
  if (source.value === undefined) return <span class="no-picture" />;
  return (
    <img
      src={source.value}
      alt={alt}
      onError={() => {
        failed.value = true;
      }}
    />
  );
}
