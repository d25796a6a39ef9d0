// Tensor names → places in the network: stack, layer, column and role.

import { detectArchitecture } from './architectures.ts';
import { parseLayerName } from './layerName.ts';
import { layerModule, type Module, shellModule } from './modules.ts';
import type { ModelMap, TensorPlace } from './places.ts';
import { guessRole } from './roles.ts';

export interface PlacementHints {
  /** Parsed config.json, or null. */
  readonly config: Readonly<Record<string, unknown>> | null;
  /** `general.architecture` of a GGUF file, or null. */
  readonly ggufArchitecture: string | null;
}

const WEIGHT = /\.weight$/;
/** One column for all experts of a layer. */
const EXPERT_NUMBER = /\b(experts|ffn_gate|ffn_up|ffn_down)\.\d+(?=\.)/;

/**
 * Places every tensor; unknown names keep their own words as column and are grouped by the number found in them.
 *
 * @param shapes of the same length as names; only the rank is looked at
 * @returns places in the order of names
 */
export function placeTensors(
  names: readonly string[],
  shapes: readonly (readonly number[])[],
  hints: PlacementHints,
): { map: ModelMap; places: TensorPlace[] } {
  const layersOf = new Map<string, Set<number>>();
  const stems = new Set<string>();
  const parsed = names.map((name) => {
    const found = parseLayerName(name);
    if (found === null) return null;
    const rest = found.rest.replace(EXPERT_NUMBER, '$1.#').replace(WEIGHT, '');
    stems.add(rest);
    const layers = layersOf.get(found.stack);
    if (layers === undefined) layersOf.set(found.stack, new Set([found.layer]));
    else layers.add(found.layer);
    return { ...found, rest };
  });
  const architecture = detectArchitecture(stems, hints);
  const overrides = familyOverrides(stems, architecture);
  /** Layers repeat the same few rests, so each is worked out once per rank. */
  const known = new Map<string, Module>();
  const places = names.map((name, index): TensorPlace => {
    const rank = shapes[index]?.length ?? 0;
    const found = parsed[index] ?? null;
    if (found === null) return { ...moduleOf(name.replace(WEIGHT, ''), rank, shellModule), layer: null, stack: '' };
    const key = `${rank}:${found.rest}`;
    let module = known.get(key);
    if (module === undefined) {
      module = moduleOf(found.rest, rank, (stem) => overrides.get(stem) ?? layerModule(stem));
      known.set(key, module);
    }
    return { role: module.role, layer: found.layer, stack: found.stack, module: module.module };
  });
  let layers = 0;
  for (const set of layersOf.values()) layers = Math.max(layers, set.size);
  return { map: { architecture, layers }, places };
}

/** The table's entry for a stem; what hangs on a known stem ("bias", "qweight", "scales") keeps its own name. */
function moduleOf(stem: string, rank: number, look: (stem: string) => Module | null): Module {
  const whole = look(stem);
  if (whole !== null) return whole;
  const dot = stem.lastIndexOf('.');
  const parent = dot < 0 ? null : look(stem.slice(0, dot));
  if (parent === null) return { module: stem, role: guessRole(stem, rank) };
  const suffix = stem.slice(dot + 1);
  return { module: `${parent.module}.${suffix}`, role: suffix === 'bias' ? 'bias' : 'other' };
}

/** Stems that mean different things in different families. */
function familyOverrides(stems: ReadonlySet<string>, architecture: string | null): ReadonlyMap<string, Module> {
  const overrides = new Map<string, Module>();
  // Gemma 2 and 3 put norms before and after both halves; elsewhere "post_attention" is the norm before the MLP.
  if (stems.has('pre_feedforward_layernorm')) {
    overrides.set('post_attention_layernorm', { module: 'post_attn_norm', role: 'norm' });
  }
  // llama.cpp stores Phi-3's joined gate and up under the name of up.
  if (architecture === 'phi3' && !stems.has('ffn_gate')) {
    overrides.set('ffn_up', { module: 'gate_up', role: 'mlp.gateUp' });
  }
  return overrides;
}
