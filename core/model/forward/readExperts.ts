// The numbers of a layer's experts, by the names Mixtral and Qwen give them.

import { MAX_EXPERTS } from '../../base/limits.ts';
import type { Experts, SharedExpert } from './experts.ts';
import type { ModelHeaders } from './family.ts';
import { stored } from './layouts.ts';
import type { Settings } from './settings.ts';

/** Whose shares add up to one where no setting says so (transformers' and llama.cpp's graphs). */
const NORMALIZED: ReadonlySet<string> = new Set(['mixtral', 'llama', 'qwen3moe']);

/** Null for layers without a router. @throws HEADER_INVALID for missing or contradicting numbers */
export function readExperts(settings: Settings, headers: ModelHeaders, layer: number, width: number): Experts | null {
  if (!headers.has(layer, 'router')) return null;
  const count =
    settings.optionalCount('num_experts', 'expert_count') ?? settings.count('num_local_experts', 'expert_count');
  const taken = settings.count('num_experts_per_tok', 'expert_used_count');
  if (taken > count || count > MAX_EXPERTS)
    settings.refuse(`${taken} of ${count} experts cannot be taken; a layer has at most ${MAX_EXPERTS}`);
  return {
    count,
    taken,
    feedForward:
      settings.optionalCount('moe_intermediate_size', 'expert_feed_forward_length') ??
      settings.count('intermediate_size', 'feed_forward_length'),
    normalized: settings.flag('norm_topk_prob', '') ?? NORMALIZED.has(settings.architecture),
    joined: headers.has(layer, 'expert_gate_up.0'),
    shared: headers.has(layer, 'shared_gate') ? sharedExpert(settings, width) : null,
  };
}

function sharedExpert(settings: Settings, width: number): SharedExpert {
  return {
    feedForward: settings.count('shared_expert_intermediate_size', 'expert_shared_feed_forward_length'),
    gate: settings.fromGguf ? stored(width) : stored(1, width),
  };
}
