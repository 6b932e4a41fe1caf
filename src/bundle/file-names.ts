/** Files of every bundle; the manifest lists size and checksum of each. */
export const FILES = ['image.onnx', 'text-yes.onnx', 'text-no.onnx', 'tokenizer.json', 'golden.json'] as const;

/** Weights that both text graphs of a bundle share. It is the only other file that may contain tensors of a graph. */
export const SHARED_WEIGHTS = 'text.weights';
