// Which tokens may look at which, as numbers added to attention scores.

import { shown } from '../../base/jsonObject.ts';
import type { Constant } from './family.ts';
import type { Settings } from './settings.ts';

/**
 * 0 where a token may look, −∞ where it may not: [tokens, tokens], row = looking token.
 * @param window tokens it sees, itself included (sliding window of Beltagy et al. 2020, arXiv 2004.05150); null for all before it
 */
export function causalMask(tokens: number, window: number | null = null): Constant {
  const values = new Float32Array(tokens * tokens).fill(Number.NEGATIVE_INFINITY);
  for (let row = 0; row < tokens; row++) {
    const first = window === null ? 0 : Math.max(0, row + 1 - window);
    values.fill(0, row * tokens + first, row * tokens + row + 1);
  }
  return { values, dimensions: [tokens, tokens] };
}

/**
 * Tokens the tokens of a layer see (`causalMask`'s window), by `layer_types` of config.json.
 * @param usual whether a layer has a sliding window where no types are listed
 * @throws UNSUPPORTED_ARCHITECTURE for other types, HEADER_INVALID
 */
export function layerWindows(settings: Settings, usual: (layer: number) => boolean): (layer: number) => number | null {
  const window = settings.optionalCount('sliding_window', 'attention.sliding_window');
  const types = settings.list('layer_types');
  const other = types.find((type) => type !== 'sliding_attention' && type !== 'full_attention');
  if (other !== undefined) settings.unsupported(`layers of type ${shown(other)} cannot be run`);
  const slides = types.length === 0 ? usual : (layer: number) => types[layer] === 'sliding_attention';
  return (layer) => (slides(layer) ? window : null);
}
