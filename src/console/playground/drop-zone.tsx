import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Camera, hasCamera } from './camera.tsx';
import { fromList, type Picture } from './files.ts';
import { useDroppedFiles } from './use-dropped-files.ts';

/** Accepts pictures by drop or paste anywhere on the page, by the file dialog, or from the camera. */
export function DropZone({ small, onPictures }: { small: boolean; onPictures: (pictures: Picture[]) => void }) {
  const over = useDroppedFiles(onPictures);
  const camera = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  return (
    <section class={`drop-zone${small ? ' small' : ''}${over.value ? ' over' : ''}`} aria-label="Add pictures">
      <p class="drop-title">{over.value ? 'Release to add them' : 'Drop photos here'}</p>
      {!small && <p class="faint">one, many or whole folders, or paste from the clipboard</p>}
      <div class="actions">
        <button type="button" class="primary" onClick={() => input.current?.click()}>
          Choose photos
        </button>
        {hasCamera && (
          <button
            type="button"
            onClick={() => {
              camera.value = true;
            }}
          >
            Photograph
          </button>
        )}
      </div>
      <input
        ref={input}
        type="file"
        multiple
        accept="image/*"
        hidden
        aria-label="Photos"
        onChange={(event) => {
          onPictures(fromList(event.currentTarget.files));
          event.currentTarget.value = '';
        }}
      />
      {camera.value && (
        <Camera
          onPicture={(picture) => onPictures([picture])}
          onClose={() => {
            camera.value = false;
          }}
        />
      )}
    </section>
  );
}
