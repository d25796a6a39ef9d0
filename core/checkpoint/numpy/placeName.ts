// Names of JAX parameters as layers and roles are found by: "params/layers_0/attn/query/kernel" is
// "layers.0.attn.query.weight".

/** Flax numbers the modules of a stack after an underscore. */
const NUMBERED = /^(\w*(?:layer|block)s?|h)_(\d{1,6})$/i;
/** Longer ones are no module of a stack, and hostile ones take no time. */
const MAX_PART_LENGTH = 40;
/** What Flax and Haiku call the weights of a module. */
const WEIGHTS: ReadonlySet<string> = new Set(['kernel', 'scale', 'embedding', 'w']);
/** Collections of variables around the parameters. */
const COLLECTIONS: ReadonlySet<string> = new Set(['params', 'target', '~']);

/** @returns undefined when the name tells as much as it can already */
export function jaxPlaceName(name: string): string | undefined {
  const parts = name.split(/[/.]/);
  while (parts.length > 1 && COLLECTIONS.has(parts[0] ?? '')) parts.shift();
  const last = parts.length - 1;
  if (last > 0 && WEIGHTS.has(parts[last] ?? '')) parts[last] = 'weight';
  const placed = parts.map(numbered).join('.');
  return placed === name ? undefined : placed;
}

function numbered(part: string): string {
  return part.length > MAX_PART_LENGTH || !part.includes('_') ? part : part.replace(NUMBERED, '$1.$2');
}
