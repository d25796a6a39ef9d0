// A plan's types as text, one letter per tensor of the table: what a view compares, keeps and sends several of.
// As names and types, five plans of 50,000 tensors take a second to receive; so do their keys.

import { GGUF_TARGETS, type GgufTarget } from '../quant/ggufTypes.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const UNPLANNED_LETTER = '.';

const letters = new Map<GgufTarget, string>(GGUF_TARGETS.map((type, at) => [type, LETTERS.charAt(at)]));
const types = new Map<string, GgufTarget | null>([...letters].map(([type, letter]) => [letter, type]));
types.set(UNPLANNED_LETTER, null);

/** @param planned of every tensor of the table; null where the plan leaves it as it is */
export function typeCode(planned: Iterable<GgufTarget | null>): string {
  let code = '';
  for (const type of planned) code += type === null ? UNPLANNED_LETTER : (letters.get(type) ?? UNPLANNED_LETTER);
  return code;
}

/** As `typeCode` was given them; undefined for letters of no type. */
export function typesOfCode(code: string): (GgufTarget | null | undefined)[] {
  return Array.from(code, (letter) => types.get(letter));
}
