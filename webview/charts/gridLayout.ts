// Where each tensor sits in the grid: one block per stack of layers (layers × modules), strips for the rest.

import type { TensorTable } from '../../core/protocol/objects.ts';
import { zRole } from '../../core/protocol/objects.ts';
import { groupByName, type NameGroup } from './nameGroups.ts';

export interface GridRow {
  /** Layer number, or '' in a strip. */
  readonly label: string;
  /** Tensors of each cell; more than one where a module repeats inside a layer (experts); [] where there is none. */
  readonly cells: readonly (readonly number[])[];
}

export interface GridBlock {
  readonly kind: 'layers' | 'named' | 'strip';
  /** Shown above; '' shows none. */
  readonly title: string;
  /** What the names of the tensors begin with; '' where they share nothing. */
  readonly prefix: string;
  /** Module names over the columns; [] in strips. */
  readonly columns: readonly string[];
  readonly columnCount: number;
  readonly rows: readonly GridRow[];
}

export interface GridLayout {
  readonly blocks: readonly GridBlock[];
  /** Cell position of every tensor that is shown: block, row, column; −1 where hidden. */
  readonly blockOf: Int32Array;
  readonly rowOf: Int32Array;
  readonly columnOf: Int32Array;
}

/** Up to this many tensors outside layers stand before them, each cell wide enough for its name. */
export const MAX_NAMED_CELLS = 24;
/** Fewer are seen at a glance, grouped or not. */
const MAX_UNGROUPED = 4;
/** Where there are no layers, the cells of this many tensors carry names. */
export const MAX_NAMED_GRAPH = 128;
const NAMED_PER_ROW = 4;
const STRIP_PER_ROW = 16;

type Places = Pick<TensorTable, 'names' | 'layers' | 'roles' | 'stacks' | 'modules' | 'shapes'>;

/** @param showVectors  also places norms and biases; they are shown anyway when there is nothing else */
export function gridLayout(table: Places, showVectors: boolean): GridLayout {
  const count = table.names.length;
  const everything = showVectors || !table.names.some((_, t) => isMatrix(table, t));
  const shownColumns = new Set<string>();
  for (let t = 0; t < count; t++) if (everything || isMatrix(table, t)) shownColumns.add(columnKey(table, t));

  const stacks = new Map<string, number[]>();
  const outside = new Map<string, number[]>();
  for (let t = 0; t < count; t++) {
    if (!shownColumns.has(columnKey(table, t))) continue;
    const inLayer = (table.layers[t] ?? -1) >= 0;
    if (!inLayer && !everything && !isMatrix(table, t)) continue;
    push(inLayer ? stacks : outside, inLayer ? (table.stacks[t] ?? '') : '', t);
  }
  // The only stack needs no name.
  const layered = [...stacks].map(([stack, tensors]) => layerBlock(table, stacks.size > 1 ? stack : '', tensors));
  const loose = outside.get('') ?? [];
  const byRole = (a: number, b: number): number =>
    roleRank(table.roles[a] ?? 'other') - roleRank(table.roles[b] ?? 'other');
  const few = loose.length <= (layered.length === 0 ? MAX_UNGROUPED : MAX_NAMED_CELLS);
  const kind = loose.length <= (layered.length === 0 ? MAX_NAMED_GRAPH : MAX_NAMED_CELLS) ? 'named' : 'strip';
  // What cells are called by: graph formats name weights after nodes, their modules say it better.
  const labels = few ? [] : table.names.map((name, t) => table.modules[t] || name);
  const rest = few
    ? [stripBlock(kind, { prefix: '', members: [...loose].sort(byRole) })]
    : groupByName(labels, loose).map((group, _, { length }) => {
        const others = layered.length > 0 ? 'Outside layers' : length > 1 ? 'Others' : 'Tensors';
        // Cells with names need no heading that says nothing.
        const alone = kind === 'named' && length === 1;
        return { ...stripBlock(kind, group), title: group.prefix || (alone ? '' : others) };
      });
  const used = rest.filter((block) => block.rows.length > 0);
  const blocks = few ? [...used, ...layered] : [...layered, ...used];
  return { blocks, ...positions(blocks, count) };
}

/** Norms, biases and other vectors are many, small and never planned: shown when asked for. */
function isMatrix({ shapes, roles }: Places, tensor: number): boolean {
  const role = roles[tensor];
  return (shapes[tensor]?.length ?? 0) >= 2 && role !== 'norm' && role !== 'bias';
}

function columnKey(table: Places, tensor: number): string {
  const layer = table.layers[tensor] ?? -1;
  return layer < 0 ? '' : `${table.stacks[tensor]}\0${table.modules[tensor]}`;
}

function layerBlock(table: Places, stack: string, tensors: readonly number[]): GridBlock {
  const columnRank = new Map<string, number>();
  const layers = new Map<number, Map<string, number[]>>();
  for (const t of tensors) {
    const module = table.modules[t] ?? '';
    const rank = roleRank(table.roles[t] ?? 'other');
    columnRank.set(module, Math.min(rank, columnRank.get(module) ?? rank));
    const layer = table.layers[t] ?? 0;
    const row = layers.get(layer) ?? new Map<string, number[]>();
    layers.set(layer, row);
    push(row, module, t);
  }
  // Stable sort: modules of one role keep the order in which the file names them.
  const columns = [...columnRank.keys()].sort((a, b) => (columnRank.get(a) ?? 0) - (columnRank.get(b) ?? 0));
  const rows = [...layers.keys()]
    .sort((a, b) => a - b)
    .map((layer) => ({
      label: String(layer),
      cells: columns.map((module) => layers.get(layer)?.get(module) ?? []),
    }));
  return { kind: 'layers', title: stack, prefix: '', columns, columnCount: columns.length, rows };
}

function stripBlock(kind: 'named' | 'strip', { prefix, members }: NameGroup): GridBlock {
  const perRow = kind === 'named' ? NAMED_PER_ROW : STRIP_PER_ROW;
  const rows: GridRow[] = [];
  const columnCount = Math.max(1, Math.min(perRow, members.length));
  for (let start = 0; start < members.length; start += columnCount) {
    rows.push({ label: '', cells: members.slice(start, start + columnCount).map((t) => [t]) });
  }
  return { kind, title: '', prefix, columns: [], columnCount, rows };
}

function positions(blocks: readonly GridBlock[], count: number): Omit<GridLayout, 'blocks'> {
  const blockOf = new Int32Array(count).fill(-1);
  const rowOf = new Int32Array(count).fill(-1);
  const columnOf = new Int32Array(count).fill(-1);
  blocks.forEach((block, b) => {
    block.rows.forEach((row, r) => {
      row.cells.forEach((tensors, c) => {
        for (const t of tensors) {
          blockOf[t] = b;
          rowOf[t] = r;
          columnOf[t] = c;
        }
      });
    });
  });
  return { blockOf, rowOf, columnOf };
}

function roleRank(role: TensorTable['roles'][number]): number {
  return zRole.options.indexOf(role);
}

function push<K>(map: Map<K, number[]>, key: K, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
