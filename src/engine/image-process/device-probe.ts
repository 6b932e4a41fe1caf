/** Opens the image session on one device and runs a golden image through it, in a process of its own because a failing driver may crash it. */
import { readGolden } from '../../bundle/golden.ts';
import { loadBundle } from '../../bundle/load.ts';
import { serveCalls } from '../ipc/child.ts';
import type { ProbeOperations } from '../ipc/protocol.ts';
import { deviceOf } from '../shared/devices.ts';
import { checkGolden } from '../shared/golden.ts';
import { openImageSession } from '../shared/sessions.ts';

serveCalls<ProbeOperations>({
  probe: async ({ bundleDir, device, threads }) => {
    const bundle = await loadBundle(bundleDir, { checksums: false });
    const session = await openImageSession(bundle, threads, deviceOf(device));
    const { image, tolerance } = await readGolden(bundle);
    const pixels = image.pixels.data.slice(0, bundle.manifest.image.size ** 2 * 3);
    const { embedding_dim: width } = bundle.manifest;
    const features = (await session.run(pixels, 1)).subarray(0, width);
    const expected = image.features.data.subarray(0, width);
    return {
      difference: checkGolden(`an image on ${device}`, features, expected, bundle.tolerance.image ?? tolerance),
    };
  },
});
