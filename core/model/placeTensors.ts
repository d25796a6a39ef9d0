// Tensor names → places in the network: stack, layer, column and role.

import { detectArchitecture } from './architectures.ts';
import { withoutExpertNumber } from './expertNumber.ts';
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

/** TensorFlow's names for a norm's two vectors, which early BERT files keep. */
const OLD_NORM = /\bLayerNorm\.(gamma|beta)$/;

export interface Placement {
  readonly map: ModelMap;
  /** By position in the names; made when asked for. */
  placeOf(index: number): TensorPlace;
}

/**
 * Places every tensor; unknown names keep their own words as column and are grouped by the number found in them.
 * Layers repeat the same few stacks and rests of names: each is kept and worked out once, tensors refer to them by
 * number.
 *
 * @param names tensor names in order
 * @param rankOf number of dimensions of the tensor at a position
 */
export function placeTensors(
  names: readonly string[],
  rankOf: (index: number) => number,
  hints: PlacementHints,
): Placement {
  const stacks = new NumberedTexts();
  const rests = new NumberedTexts();
  const layersOf: Set<number>[] = [];
  const stackOf = new Int32Array(names.length).fill(NONE);
  const restOf = new Int32Array(names.length);
  const layerOf = new Int32Array(names.length);
  names.forEach((name, index) => {
    const found = parseLayerName(name);
    if (found === null) return;
    const stack = stacks.numberOf(found.stack);
    stackOf[index] = stack;
    layerOf[index] = found.layer;
    restOf[index] = rests.numberOf(found.rest);
    const layers = layersOf[stack];
    if (layers === undefined) layersOf[stack] = new Set([found.layer]);
    else layers.add(found.layer);
  });
  const stems = rests.texts.map((rest) => stemOf(withoutExpertNumber(rest)));
  const distinct = new Set(stems);
  const architecture = detectArchitecture(distinct, hints);
  const overrides = familyOverrides(distinct, architecture);
  /** By rest, then by rank. */
  const modules: Module[][] = [];
  const moduleAt = (rest: number, rank: number): Module => {
    const known = modules[rest]?.[rank];
    if (known !== undefined) return known;
    const module = moduleOf(stems[rest] ?? '', rank, (stem) => overrides.get(stem) ?? layerModule(stem));
    modules[rest] = modules[rest] ?? [];
    modules[rest][rank] = module;
    return module;
  };
  return {
    map: { architecture, layers: layersOf.reduce((most, layers) => Math.max(most, layers.size), 0) },
    placeOf(index) {
      const rank = rankOf(index);
      const stack = stackOf[index] ?? NONE;
      if (stack === NONE) {
        const stem = stemOf(names[index] ?? '');
        return { ...moduleOf(stem, rank, shellModule), layer: null, stack: '' };
      }
      const { role, module } = moduleAt(restOf[index] ?? 0, rank);
      return { role, module, layer: layerOf[index] ?? 0, stack: stacks.texts[stack] ?? '' };
    },
  };
}

const NONE = -1;

/** Different texts, numbered as they are met. */
class NumberedTexts {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

/** The name of a module's weight without ".weight". */
function stemOf(name: string): string {
  return name
    .replace(OLD_NORM, (_, vector) => (vector === 'gamma' ? 'LayerNorm' : 'LayerNorm.bias'))
    .replace(/\.weight$/, '');
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
