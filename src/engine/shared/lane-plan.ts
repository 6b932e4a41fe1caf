const MiB = 2 ** 20;

/** Bytes that the weights of all sessions of one engine process may take by themselves. */
const WEIGHTS_BYTES = 512 * MiB;

export interface LanePlan {
  lanes: number;
  /** Why there are fewer lanes than cores; undefined where there are not. */
  why?: string;
}

/**
 * Lanes of an engine on a CPU. One for each core, unless that would hold too many copies of the weights: every lane has a session of its own,
 * and one session more runs on all cores; ONNX Runtime shares no weights between sessions. Lanes that are fewer than cores have several threads.
 * @param wanted the setting, 0 for as many as fit
 * @param graphBytes size of the image graph
 */
export function lanesFor(cores: number, wanted: number, graphBytes: number): LanePlan {
  if (wanted > 0) return { lanes: Math.min(wanted, cores) };
  const copies = Math.floor(WEIGHTS_BYTES / Math.max(1, graphBytes));
  const lanes = Math.max(1, Math.min(cores, copies - 1));
  if (lanes === cores) return { lanes };
  const size = Math.round(graphBytes / MiB);
  const why = `the weights take ${size} MiB for each lane and once more for runs on all cores; ${WEIGHTS_BYTES / MiB} MiB are allowed unless CLIPN_LANES says how many lanes`;
  return { lanes, why };
}
