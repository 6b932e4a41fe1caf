import { useEffect, useState } from 'preact/hooks';
import { count } from '../format.ts';
import { fromList } from '../playground/files.ts';
import { useDroppedFiles } from '../playground/use-dropped-files.ts';
import type { OwnImage } from './own-images.ts';
import type { Learning } from './use-learning.ts';

/** Takes a folder or photographs, by a dialog or by drop. */
export function Choose({ learning }: { learning: Learning }) {
  const over = useDroppedFiles(learning.add);
  return (
    <div class={`drop-zone small${over.value ? ' over' : ''}`}>
      <p class="drop-title">{over.value ? 'Release to add them' : 'Drop a folder or photos here'}</p>
      <div class="learn-choose">
        <FileField label="Choose a folder" folder onFiles={learning.add} />
        <FileField label="Choose photos" onFiles={learning.add} />
      </div>
    </div>
  );
}

interface FileFieldProps {
  label: string;
  folder?: boolean;
  onFiles: Learning['add'];
}

function FileField({ label, folder = false, onFiles }: FileFieldProps) {
  return (
    <label class="button file">
      {label}
      <input
        type="file"
        class="visually-hidden"
        multiple
        accept={folder ? undefined : 'image/*'}
        {...(folder ? { webkitdirectory: true } : {})}
        onChange={(event) => {
          onFiles(fromList(event.currentTarget.files));
          event.currentTarget.value = '';
        }}
      />
    </label>
  );
}

/** All photographs, small. A press leaves one out, or takes it back. */
export function Photographs({ learning }: { learning: Learning }) {
  const { images, others, plan, toggle, clear } = learning;
  const examples = [...plan.value.examples.values()].flat();
  const left = images.value.filter(({ used }) => !used).length;
  return (
    <section aria-labelledby="photos-title">
      <div class="title-row">
        <h3 id="photos-title">{count(images.value.length, 'photograph')}</h3>
        <button type="button" class="plain" onClick={clear}>
          Remove all
        </button>
      </div>
      <p role="status">
        {count(plan.value.calibration.length, 'image')} for the calibration
        {examples.length > 0 && `, ${count(examples.length, 'example')}`}
        {left > 0 && `, ${left} left out`}
        {others.value > 0 && `. ${count(others.value, 'file')} without a picture`}.
      </p>
      <p class="hint">Leave out images that show none of the classes: press them.</p>
      <ul class="learn-photos">
        {images.value.map((image, i) => (
          <li key={`${i} ${image.name}`}>
            <Photograph image={image} example={examples.includes(image)} onPress={() => toggle(image)} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Photograph({ image, example, onPress }: { image: OwnImage; example: boolean; onPress: () => void }) {
  const source = useAddress(image.blob);
  return (
    <button type="button" aria-pressed={!image.used} title={image.name} onClick={onPress}>
      {source && <img src={source} alt={image.name} loading="lazy" />}
      <span>{!image.used ? 'left out' : example ? `example: ${image.class}` : (image.class ?? '')}</span>
    </button>
  );
}

/** An address of this page for a file, as long as the component is shown. */
function useAddress(blob: Blob): string | undefined {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return address;
}
