// Entry point of the WASM module: one line per kernel file.

export { encodeBF16, encodeF16, encodeF32 } from './encodeFloat';
export { quantizeIQ4_NL, quantizeIQ4_XS } from './iq4';
export { quantizeQ8_0 } from './roundQuants';
export { quantizeQ4_0, quantizeQ4_1, quantizeQ5_0, quantizeQ5_1 } from './weightedQuants';

/** First byte after static data; everything from here on belongs to the host's arena. */
export function heapBase(): usize {
  return __heap_base;
}
export { decodeBF16, decodeBytes, decodeF16, decodeF64, decodeI32, decodeI64 } from './decodePlain';
export {
  decodeIQ4_NL,
  decodeMXFP4,
  decodeQ4_0,
  decodeQ4_1,
  decodeQ5_0,
  decodeQ5_1,
  decodeQ8_0,
} from './decodeBlocks';
export {
  decodeIQ4_XS,
  decodeQ2_K,
  decodeQ3_K,
  decodeQ4_K,
  decodeQ5_K,
  decodeQ6_K,
  decodeTQ2_0,
} from './decodeSuperBlocks';
export { quantizeQ2_K } from './quantizeQ2_K';
export { quantizeQ3_K } from './quantizeQ3_K';
export { quantizeQ4_K } from './quantizeQ4_K';
export { quantizeQ5_K } from './quantizeQ5_K';
export { quantizeQ6_K } from './quantizeQ6_K';
export { countPatterns16, countPatterns8 } from './counts';
export { firstLook, secondLook } from './looks';
export { countedMomentsBF16, momentsF32 } from './moments';
export { squaredError, sumOfSquares, weightedError, weightedSquares } from './squaredError';
export { extremesOfRow } from './tileExtremes';
export { affineGrids } from './affineGrid';
export { choleskyPanel } from './cholesky';
export { gptqColumns, rowsOfColumns } from './gptqColumns';
export { subtractProduct } from './subtractProduct';
