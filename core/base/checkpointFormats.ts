// The formats a checkpoint can have: by the names the protocol uses, and as people call them.

export const CHECKPOINT_FORMATS = [
  'safetensors',
  'gguf',
  'onnx',
  'pytorch',
  'numpy',
  'hdf5',
  'llama2c',
  'imatrix',
] as const;

export type CheckpointFormat = (typeof CHECKPOINT_FORMATS)[number];

export const FORMAT_NAMES: Readonly<Record<CheckpointFormat, string>> = {
  safetensors: 'safetensors',
  gguf: 'GGUF',
  onnx: 'ONNX',
  pytorch: 'PyTorch pickle',
  numpy: 'NumPy',
  hdf5: 'HDF5',
  llama2c: 'llama2.c',
  imatrix: 'importance matrix',
};
