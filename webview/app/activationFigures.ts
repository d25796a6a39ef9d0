// Which tap feeds which tensor: activation statistics as columns of the grid.

import type { ActivationRow, Activations } from '../../core/protocol/calibration.ts';
import type { TensorTable } from '../../core/protocol/objects.ts';

export const ACTIVATION_FIGURES = ['absMax', 'kurtosis', 'maxToMeanRatio', 'channelRatio', 'std'] as const;
export type ActivationFigure = (typeof ACTIVATION_FIGURES)[number];

export interface ActivationFigures {
  readonly all: Activations;
  /** Index into `all.rows` of the tap that is the tensor's input; −1 where none was measured. */
  readonly rowOf: Int32Array;
}

/** Tensors find their tap by layer and grid column; norms and biases have none, since no matrix reads there. */
export function activationFigures(
  table: Pick<TensorTable, 'layers' | 'modules' | 'shapes'>,
  activations: Activations,
): ActivationFigures {
  const tapOf = new Map<string, string>();
  for (const { tap, modules } of activations.taps) for (const module of modules) tapOf.set(module, tap);
  const rows = new Map<string, number>();
  activations.rows.forEach(({ layer, tap }, row) => {
    rows.set(`${layer}\0${tap}`, row);
  });
  const rowOf = Int32Array.from(table.modules, (module, t) => {
    const tap = (table.shapes[t]?.length ?? 0) < 2 ? undefined : tapOf.get(module);
    return tap === undefined ? -1 : (rows.get(`${table.layers[t]}\0${tap}`) ?? -1);
  });
  return { all: activations, rowOf };
}

export function activationColumn({ all, rowOf }: ActivationFigures, figure: ActivationFigure): Float64Array {
  return Float64Array.from(rowOf, (row) => all.rows[row]?.[figure] ?? Number.NaN);
}

/** The tap that is a tensor's input. */
export function activationRow(figures: ActivationFigures | null, tensor: number): ActivationRow | null {
  const row = figures?.rowOf[tensor] ?? -1;
  return figures?.all.rows[row] ?? null;
}

/** First tensor each tap of a layer feeds: where a click on one leads. */
export function firstFed(figures: ActivationFigures): Int32Array {
  const first = new Int32Array(figures.all.rows.length).fill(-1);
  figures.rowOf.forEach((row, tensor) => {
    if (row >= 0 && (first[row] ?? -1) < 0) first[row] = tensor;
  });
  return first;
}
