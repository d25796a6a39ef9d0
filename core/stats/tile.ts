// A window of a tensor drawn small without hiding anything: each cell keeps its element of largest magnitude.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { tensorAt, tensorSource } from '../checkpoint/tensorSource.ts';
import { readElements, readWindow } from '../decode/elements.ts';
import { canDecode } from '../kernels/decode.ts';
import type { Pool } from '../kernels/pool.ts';
import type { TaskContext } from '../kernels/task.ts';
import type { Tile } from '../protocol/objects.ts';
import type { TensorSource } from '../tensor/storage.ts';

export interface TileOptions {
  readonly tensor: number;
  /** Half-open windows of the matrix view. */
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
  /** Cells wanted; a window with fewer rows or columns gives one cell per element. */
  readonly width: number;
  readonly height: number;
  readonly signal?: AbortSignal | undefined;
}

/** Elements decoded at a time: 4 MB of float32. */
const CHUNK_ELEMENTS = 1 << 20;
/** Rows of cells of one task: enough elements to be worth a round trip, few enough to share out and to stop fast. */
const TASK_ELEMENTS = 1 << 23;

interface TileInput {
  readonly source: TensorSource;
  /** Column edges of the cells, then row edges of this task's rows of cells. */
  readonly columnEdges: Uint32Array;
  readonly rowEdges: Uint32Array;
}

interface TilePart {
  readonly values: Float32Array;
  readonly places: Uint32Array;
}

/**
 * @returns cells row-major; `values` signed extremes (NaN where a cell holds one), their exact rows and columns
 * @throws SHAPE_INVALID for a window outside the tensor, DTYPE_UNKNOWN for complex ones, CANCELLED, FILE_TRUNCATED
 */
export async function readTile(checkpoint: Checkpoint, pool: Pool, options: TileOptions): Promise<Tile> {
  const tensor = tensorAt(checkpoint, options.tensor);
  const source = tensorSource(checkpoint, options.tensor);
  if (!canDecode(source.dtype))
    throw new QuantscopeError(
      'DTYPE_UNKNOWN',
      `${tensor.name}: ${source.dtype} elements cannot be read as real numbers`,
    );
  checkWindow(tensor.name, 'rows', options.rows, source.rows);
  checkWindow(tensor.name, 'columns', options.columns, source.columns);
  const columnEdges = edges(options.columns, options.width);
  const rowEdges = edges(options.rows, options.height);
  const width = columnEdges.length - 1;
  const height = rowEdges.length - 1;
  const tile = {
    tensor: options.tensor,
    rows: [options.rows[0], options.rows[1]] as [number, number],
    columns: [options.columns[0], options.columns[1]] as [number, number],
    width,
    height,
    values: new Float32Array(width * height),
    extremeRows: new Uint32Array(width * height),
    extremeColumns: new Uint32Array(width * height),
  };
  const windowWidth = options.columns[1] - options.columns[0];
  const cellRows = Math.max(1, Math.ceil((options.rows[1] - options.rows[0]) / height));
  const step = Math.max(1, Math.floor(TASK_ELEMENTS / (cellRows * windowWidth)));
  const tasks: Promise<void>[] = [];
  for (let first = 0; first < height; first += step) {
    const input: TileInput = { source, columnEdges, rowEdges: rowEdges.slice(first, first + step + 1) };
    tasks.push(
      pool.run<TilePart>('tile', input, { signal: options.signal }).then(({ values, places }) => {
        const at = first * width;
        tile.values.set(values, at);
        for (let i = 0; i < values.length; i++) {
          tile.extremeRows[at + i] = places[2 * i] ?? 0;
          tile.extremeColumns[at + i] = places[2 * i + 1] ?? 0;
        }
      }),
    );
  }
  await Promise.all(tasks);
  return tile;
}

/** Task `tile`: some rows of cells. */
export function tileTask({ source, columnEdges, rowEdges }: TileInput, context: TaskContext): TilePart {
  const { run, arena } = context.kernels;
  const cells = columnEdges.length - 1;
  const column0 = columnEdges[0] ?? 0;
  const windowWidth = (columnEdges[cells] ?? 0) - column0;
  const values = new Float32Array(cells * (rowEdges.length - 1));
  const places = new Uint32Array(values.length * 2);
  const edgesAt = arena.alloc(columnEdges.byteLength);
  const best = arena.alloc(cells * 4);
  const placesAt = arena.alloc(cells * 8);
  arena.u32(edgesAt, columnEdges.length).set(columnEdges);
  const pieces = columnPieces(columnEdges);
  for (let cellRow = 0; cellRow + 1 < rowEdges.length; cellRow++) {
    const row0 = rowEdges[cellRow] ?? 0;
    const row1 = rowEdges[cellRow + 1] ?? 0;
    const whole = windowWidth === source.columns;
    const described = source.storage !== undefined;
    const together = whole || described ? Math.max(1, Math.floor(CHUNK_ELEMENTS / windowWidth)) : 1;
    for (let row = row0; row < row1; row += together) {
      context.checkpoint();
      const rows = Math.min(together, row1 - row);
      for (const { from, to } of pieces) {
        const first = columnEdges[from] ?? 0;
        const width = (columnEdges[to] ?? 0) - first;
        arena.scoped(() => {
          const stride = described ? width : source.columns;
          const elements = described
            ? readWindow(context.kernels, source, row, rows, first, width)
            : readElements(context.kernels, source, row * source.columns + first, (rows - 1) * stride + width);
          for (let i = 0; i < rows; i++)
            run.extremesOfRow(
              elements + i * stride * 4,
              edgesAt + from * 4,
              to - from,
              row + i,
              best + from * 4,
              placesAt + from * 8,
              row + i === row0 ? 1 : 0,
            );
        });
      }
    }
    values.set(arena.f32(best, cells), cellRow * cells);
    places.set(arena.u32(placesAt, cells * 2), cellRow * cells * 2);
  }
  return { values, places };
}

/** A row too long to decode at once is taken some cells at a time. */
function columnPieces(columnEdges: Uint32Array): { from: number; to: number }[] {
  const pieces: { from: number; to: number }[] = [];
  const cells = columnEdges.length - 1;
  for (let from = 0; from < cells; ) {
    let to = from + 1;
    while (to < cells && (columnEdges[to + 1] ?? 0) - (columnEdges[from] ?? 0) <= CHUNK_ELEMENTS) to += 1;
    pieces.push({ from, to });
    from = to;
  }
  return pieces;
}

/** Even cells: cell i covers from ⌊a + i·n/cells⌋ on. */
function edges([a, b]: readonly [number, number], wanted: number): Uint32Array {
  const cells = Math.min(wanted, b - a);
  return Uint32Array.from({ length: cells + 1 }, (_, i) => a + Math.floor((i * (b - a)) / cells));
}

function checkWindow(name: string, axis: string, [a, b]: readonly [number, number], length: number): void {
  if (Number.isInteger(a) && Number.isInteger(b) && a >= 0 && a < b && b <= length) return;
  throw new QuantscopeError('SHAPE_INVALID', `${name}: ${axis} ${a} to ${b} wanted, the tensor has ${length}`);
}
