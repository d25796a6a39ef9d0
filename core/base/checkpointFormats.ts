// The formats a checkpoint can have, by the names the protocol uses.

export const CHECKPOINT_FORMATS = ['safetensors', 'gguf', 'onnx', 'pytorch', 'numpy', 'llama2c', 'imatrix'] as const;

export type CheckpointFormat = (typeof CHECKPOINT_FORMATS)[number];
