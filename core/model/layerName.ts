// Splits a tensor name at its layer number: "model.layers.3.mlp.up_proj.weight" → stack, 3, rest.

export interface LayerName {
  readonly stack: string;
  readonly layer: number;
  /** What follows the number, without the dot. */
  readonly rest: string;
}

/** No network has a million layers; longer numbers are hashes or hostile. */
const MAX_DIGITS = 6;
/** torch.nn.RNN and its kin number layers at the end: weight_ih_l0, bias_hh_l1_reverse. */
const RECURRENT = /^(?:(.*)\.)?((?:weight|bias)_(?:ih|hh|hr))_l(\d{1,6})(_reverse)?$/;

/** The first dotted part that is a number names the layer; null when there is none. */
export function parseLayerName(name: string): LayerName | null {
  for (let start = 0; start < name.length; ) {
    const dot = name.indexOf('.', start);
    const end = dot < 0 ? name.length : dot;
    if (end - start <= MAX_DIGITS && isNumber(name, start, end)) {
      const stack = name.slice(0, Math.max(start - 1, 0));
      return { stack, layer: Number(name.slice(start, end)), rest: name.slice(end + 1) };
    }
    start = end + 1;
  }
  const match = RECURRENT.exec(name);
  if (match === null) return null;
  const [, stack = '', kind = '', layer = '', reverse = ''] = match;
  return { stack, layer: Number(layer), rest: kind + reverse };
}

function isNumber(name: string, start: number, end: number): boolean {
  if (start === end) return false;
  for (let at = start; at < end; at++) {
    const code = name.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}
