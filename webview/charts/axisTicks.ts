// Few round ticks for scales, also for logarithmic ones, where d3 would give every minor step.

interface Ticking {
  ticks(count?: number): number[];
}

/** At most `most` ticks; on a logarithmic scale powers of ten before 1, 2 and 5 times them before all others. */
export function fewTicks(scale: Ticking, most: number): number[] {
  const all = scale.ticks(most);
  if (all.length <= most + 1) return all;
  const round = (leading: readonly number[]): number[] => all.filter((tick) => leading.includes(firstDigit(tick)));
  const chosen = [round([0, 1]), round([0, 1, 2, 5]), all].find((ticks) => ticks.length >= 3) ?? all;
  const step = Math.max(1, Math.ceil(chosen.length / most));
  return chosen.filter((_, i) => i % step === 0);
}

/** Of ticks with one significant digit; 0 of zero. */
function firstDigit(tick: number): number {
  const size = Math.abs(tick);
  const digit = size / 10 ** Math.floor(Math.log10(size));
  return size === 0 ? 0 : Math.abs(digit - Math.round(digit)) < 1e-6 ? Math.round(digit) : Number.NaN;
}

/** Drops ticks whose labels would touch the one before; ticks are in ascending order. */
export function apart(ticks: readonly number[], place: (tick: number) => number, leastPx: number): number[] {
  const kept: number[] = [];
  for (const tick of ticks) {
    const last = kept.at(-1);
    if (last === undefined || Math.abs(place(tick) - place(last)) >= leastPx) kept.push(tick);
  }
  return kept;
}
