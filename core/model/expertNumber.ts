// Experts of a layer: numbered in names ("experts.3.w1", "ffn_gate.3") where each is a tensor of its own.

const EXPERT = /\b(experts|ffn_gate|ffn_up|ffn_down)\.(\d{1,6})(?=\.)/;
const NUMBERED = /^(expert_\w+)\.(\d{1,6})$/;

/** The name with # for the expert's number: all experts of a layer share a column. */
export function withoutExpertNumber(name: string): string {
  return name.replace(EXPERT, '$1.#');
}

function expertNumber(name: string): number | null {
  const number = EXPERT.exec(name)?.[2];
  return number === undefined ? null : Number(number);
}

/** The grid column, with the number of a single expert behind it ("expert_gate.3"); a tensor of all experts has none. */
export function numberedModule({ name, module }: { readonly name: string; readonly module: string }): string {
  const number = module.startsWith('expert_') ? expertNumber(name) : null;
  return number === null ? module : `${module}.${number}`;
}

/** "expert_gate.3" → "expert_gate" and 3; null for everything else. */
export function numberedExpert(module: string): { readonly stack: string; readonly number: number } | null {
  const [, stack, number] = NUMBERED.exec(module) ?? [];
  return stack === undefined ? null : { stack, number: Number(number) };
}
