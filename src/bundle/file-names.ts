/** Files of every bundle; the manifest lists size and checksum of each. */
export const FILES = ['image.onnx', 'text-yes.onnx', 'text-no.onnx', 'tokenizer.json', 'golden.json'] as const;

/** Weights that both text graphs read, where a bundle has them: the only file beside a graph that its tensors may lie in. */
export const SHARED_WEIGHTS = 'text.weights';
