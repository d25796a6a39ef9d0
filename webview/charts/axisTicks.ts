// Few round ticks for scales, also for logarithmic ones, where d3 would give every minor step.

interface Ticking {
  ticks(count?: number): number[];
}

/** At most `most` ticks, preferring powers of ten on a logarithmic scale. */
export function fewTicks(scale: Ticking, most: number): number[] {
  const all = scale.ticks(most);
  if (all.length <= most + 1) return all;
  const powers = all.filter((tick) => Math.abs(Math.log10(Math.abs(tick)) % 1) < 1e-9 || tick === 0);
  const chosen = powers.length >= 3 ? powers : all;
  const step = Math.max(1, Math.ceil(chosen.length / most));
  return chosen.filter((_, i) => i % step === 0);
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
