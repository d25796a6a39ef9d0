// Experts of a layer: numbered in names ("experts.3.w1", "ffn_gate.3") where each is a tensor of its own.

const EXPERT = /\b(experts|ffn_gate|ffn_up|ffn_down)\.(\d{1,6})(?=\.)/;

/** The name with # for the expert's number: all experts of a layer share a column. */
export function withoutExpertNumber(name: string): string {
  return name.replace(EXPERT, '$1.#');
}

export function expertNumber(name: string): number | null {
  const number = EXPERT.exec(name)?.[2];
  return number === undefined ? null : Number(number);
}
