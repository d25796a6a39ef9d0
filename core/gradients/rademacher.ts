// Random signs that can be asked for in any order: a weight's rows are read where they are needed.

/** Weyl increment of SplitMix32: 2³² / golden ratio. */
const GOLDEN = 0x9e37_79b9;

/** −1 or 1 for an element of a tensor: the same for the same seed, as good as independent of all others. */
export function rademacher(seed: number, tensor: number, element: number): 1 | -1 {
  const key = mixed((seed >>> 0) ^ mixed(Math.imul(tensor + 1, GOLDEN)));
  return (mixed(mixed(Math.imul(element, GOLDEN)) ^ key) & 0x8000_0000) === 0 ? 1 : -1;
}

/** MurmurHash3's finalizer (Appleby 2011, fmix32): every bit of the input reaches every bit of the output. */
function mixed(value: number): number {
  let z = value;
  z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
