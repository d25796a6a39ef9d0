// Phi 3 and Phi 4: Llama's blocks with queries, keys and values in one matrix, gate and up in another, part of each head
// rotated (Abdin et al. 2024, arXiv 2404.14219).

import { silu } from '../activations.ts';
import { joinedAttention } from '../attention.ts';
import { BlockBuilder } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { causalBlock, decoderNetwork } from '../decoderNetwork.ts';
import type { Family, ModelHeaders, Network } from '../family.ts';
import { stored, withBiases } from '../layouts.ts';
import { rmsNorms } from '../norms.ts';
import { type Rope, readRope, rotation } from '../rope.ts';
import type { Settings } from '../settings.ts';
import { type BlockShape, readSizes } from '../sizes.ts';

export const PHI3: Family = { name: 'Phi 3', classes: { Phi3ForCausalLM: 'phi3' }, gguf: ['phi3'], network };

interface Shape extends BlockShape {
  readonly rope: Rope;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const shape = readShape(settings, headers);
  const { width, norm, weights, rope } = shape;
  // Windows that GGUF files of Phi 3 name are not reliable; llama.cpp ignores them (its pull request 13676).
  const window = settings.fromGguf ? null : settings.optionalCount('sliding_window', '');
  const block = causalBlock(weights, (batch) => blockGraph(shape, batch), { rope, window });
  return decoderNetwork(settings, headers, { width, norm, block: () => block });
}

function readShape(settings: Settings, headers: ModelHeaders): Shape {
  const sizes = readSizes(settings, { activation: silu });
  const { width, feedForward, heads, keyValueHeads, headWidth } = sizes;
  return {
    ...sizes,
    norm: rmsNorms(settings.number('rms_norm_eps', 'attention.layer_norm_rms_epsilon') ?? 1e-5),
    rope: readRope(settings, headers, headWidth),
    weights: withBiases(headers, 0, {
      attn_norm: stored(width),
      qkv: stored((heads + 2 * keyValueHeads) * headWidth, width),
      o: stored(width, heads * headWidth),
      ffn_norm: stored(width),
      gate_up: stored(2 * feedForward, width),
      down: stored(width, feedForward),
    }),
  };
}

function blockGraph(shape: Shape, batch: BatchSize): BlockGraph {
  const { width, feedForward, activation, norm } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const rotate = rotation(builder, shape.rope, shape.headWidth);
  const attended = joinedAttention(builder, norm(builder, hidden, 'attn_norm'), width, shape, rotate, { mask });
  const middle = graph.op('Add', [hidden, attended.out]);
  const inner = norm(builder, middle, 'ffn_norm');
  builder.tap('ffn_in', ['gate_up'], inner, width);
  const [gate, up] = graph.split(builder.linear(inner, 'gate_up'), -1, [feedForward, feedForward]);
  const gated = graph.op('Mul', [activation(graph, gate), up]);
  builder.tap('down_in', ['down'], gated, feedForward);
  return builder.finish(graph.op('Add', [middle, builder.linear(gated, 'down')]), attended.attention);
}
