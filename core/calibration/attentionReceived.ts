// How much attention every position receives: where it gathers whatever the text says, there is a sink (Xiao et al. 2023,
// arXiv 2309.17453; Gu et al. 2024, arXiv 2410.10781).

import type { BlockGraph } from '../model/forward/blockGraph.ts';
import type { Block } from '../model/forward/family.ts';

const OUTPUT = 'attention.received';

/** Adds the sum over sequences, heads and looking tokens as an output. @returns its name */
export function attentionOutput({ graph, attention }: BlockGraph, tokens: number): string {
  const leading = Array.from({ length: rankOf(graph.shapeOf(attention)) - 1 }, (_, axis) => axis);
  const received = graph.op('ReduceSum', [attention, graph.integers(leading)], { keepdims: 0 });
  graph.output(OUTPUT, received, [tokens]);
  return OUTPUT;
}

/** [sequences, keyValueHeads, group, tokens, tokens] where the builder cannot tell. */
function rankOf(shape: readonly unknown[] | null): number {
  return shape?.length ?? 5;
}

export class AttentionReceived {
  /** Per position, over all sequences, heads and looking tokens. */
  readonly sums: Float64Array;

  constructor(sums: Float64Array) {
    this.sums = sums;
  }

  /** @param found outputs of a run */
  add(found: Readonly<Record<string, Float32Array>>): void {
    found[OUTPUT]?.forEach((sum, position) => {
      this.sums[position] = (this.sums[position] ?? 0) + sum;
    });
  }

  /** Mean over sequences, heads and the tokens that see the position. */
  shares(visible: Float64Array): Float64Array {
    // Every look of a token spends 1 in all, so their sum counts sequences × heads × tokens.
    const looks = this.sums.reduce((total, sum) => total + sum, 0) / this.sums.length;
    return this.sums.map((sum, position) => sum / (looks * (visible[position] ?? 1)));
  }
}

/** Tokens that see each position: those whose mask is above −∞; all where there is no mask. */
export function visibleFrom(block: Block, tokens: number): Float64Array {
  const mask = block.constants(tokens).mask?.values;
  if (mask === undefined) return new Float64Array(tokens).fill(tokens);
  const visible = new Float64Array(tokens);
  mask.forEach((value, at) => {
    const position = at % tokens;
    if (value > Number.NEGATIVE_INFINITY) visible[position] = (visible[position] ?? 0) + 1;
  });
  return visible;
}
