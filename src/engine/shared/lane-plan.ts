const MiB = 2 ** 20;

/** Limit of the weights of all sessions of one engine process, if the setting does not name the number of lanes. */
const WEIGHTS_BYTES = 512 * MiB;

/** See the manifest's `speed`. */
export interface Measured {
  cores: number;
  lanes: number;
}

export interface LanePlan {
  lanes: number;
  /** Why there are fewer lanes than cores; undefined if there are as many. */
  why?: string;
}

/**
 * Number of lanes of an engine on a CPU: one for each core, or fewer if the copies of the weights would be too large. Every lane has a session
 * of its own, one more session runs on all cores, and ONNX Runtime shares no weights between sessions. If there are fewer lanes than cores,
 * each lane has several threads.
 * @param wanted the setting; 0 for as many as fit
 * @param graphBytes size of the weights of the image graph in memory
 * @param measured what the bundle says of its speed: where one session with all threads was faster than a lane for each core, there is one lane
 */
export function lanesFor(cores: number, wanted: number, graphBytes: number, measured?: Measured): LanePlan {
  if (wanted > 0) return { lanes: Math.min(wanted, cores) };
  if (measured && measured.cores > 1 && measured.lanes === 1 && cores > 1)
    return { lanes: 1, why: 'the bundle was fastest with one session that has all threads' };
  const copies = Math.floor(WEIGHTS_BYTES / Math.max(1, graphBytes));
  const lanes = Math.max(1, Math.min(cores, copies - 1));
  if (lanes === cores) return { lanes };
  const size = Math.round(graphBytes / MiB);
  const why = `the weights take ${size} MiB for each lane and once more for runs on all cores; ${WEIGHTS_BYTES / MiB} MiB are allowed unless CLIPN_LANES says how many lanes`;
  return { lanes, why };
}
