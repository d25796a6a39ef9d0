// Safetensors folders as quantizers write them, with the configuration that tells how: one layer of every packing.

import { intQuantizedLayer, packQuantizedLayer } from '../../fixtures/packed/compressedTensorsLayer.ts';
import { awqLayer, gptqLayer } from '../../fixtures/packed/gptqLayer.ts';
import type { PackedLayer } from '../../fixtures/packed/packedLayer.ts';
import { fp8Layer, gptOssExperts, mxfp4Layer, mxfp8Layer, nvfp4Layer } from '../../fixtures/packed/smallFloatLayers.ts';
import { safetensorsBytes } from '../../fixtures/writeSafetensors.ts';
import type { Seed } from '../seeds.ts';

const MODULE = 'model.layers.0.mlp.up_proj';
const gptq = { module: MODULE, rows: 32, columns: 64, groupSize: 32 };
const compressed = { module: MODULE, rows: 16, columns: 64, groupSize: 32, strategy: 'group' } as const;

export function packedSeeds(): Seed[] {
  const scattered = Array.from({ length: 64 }, (_, column) => (column * 7) % 2);
  return [
    ...([2, 3, 4, 8] as const).map((bits) => {
      const layer = gptqLayer({ ...gptq, bits, version: bits === 4 ? 2 : 1, groupOf: scattered });
      const format = bits === 4 ? 'gptq_v2' : 'gptq';
      return folder(layer, { quant_method: 'gptq', bits, group_size: 32, desc_act: true, checkpoint_format: format });
    }),
    folder(awqLayer(MODULE, 32, 64, 32), { quant_method: 'awq', bits: 4, group_size: 32, version: 'gemm' }),
    ...[3, 4, 5, 8].map((bits) => {
      const layer = packQuantizedLayer({ ...compressed, bits, asymmetric: bits === 4 });
      return folder(layer, scheme('pack-quantized', bits));
    }),
    folder(intQuantizedLayer(MODULE, 16, 64, 2, true), scheme('int-quantized', 8)),
    folder(
      fp8Layer({
        name: `${MODULE}.weight`,
        scaleName: `${MODULE}.weight_scale_inv`,
        shape: [24, 32],
        scaleShape: [2, 2],
        rowGroup: 16,
        columnGroup: 16,
      }),
      { quant_method: 'fp8', weight_block_size: [16, 16] },
    ),
    folder(gptOssExperts(`${MODULE}_experts`, 2, 8, 64), { quant_method: 'mxfp4' }),
    folder(mxfp4Layer(MODULE, 8, 64), scheme('mxfp4-pack-quantized', 4)),
    folder(nvfp4Layer(MODULE, 'compressed-tensors', 8, 64), scheme('nvfp4-pack-quantized', 4)),
    folder(nvfp4Layer(MODULE, 'ModelOpt', 8, 64), { quant_method: 'modelopt', quant_algo: 'NVFP4' }),
    folder(mxfp8Layer(MODULE, 8, 64), scheme('mxfp8-quantized', 8)),
  ];
}

function scheme(format: string, bits: number): object {
  const weights = { num_bits: bits, group_size: 32, strategy: 'group', symmetric: bits !== 4, type: 'int' };
  return { quant_method: 'compressed-tensors', format, config_groups: { group_0: { targets: ['Linear'], weights } } };
}

function folder({ tensors }: PackedLayer, quantization: object): Seed {
  const config = { architectures: ['LlamaForCausalLM'], model_type: 'llama', quantization_config: quantization };
  return {
    open: '.',
    files: {
      'model.safetensors': safetensorsBytes(tensors, { format: 'pt' }),
      'config.json': new TextEncoder().encode(JSON.stringify(config)),
    },
  };
}
