import { describe, expect, it } from 'vitest';
import { gridGeometry, moveCursor, rowsInView } from '../../../webview/charts/gridGeometry.ts';
import { gridLayout, MAX_NAMED_CELLS } from '../../../webview/charts/gridLayout.ts';

type Table = Parameters<typeof gridLayout>[0];
type Role = Table['roles'][number];

function table(
  rows: readonly [name: string, layer: number, role: Role, module: string, matrix?: boolean, stack?: string][],
): Table {
  return {
    names: rows.map((r) => r[0]),
    layers: Int32Array.from(rows, (r) => r[1]),
    roles: rows.map((r) => r[2]),
    modules: rows.map((r) => r[3]),
    stacks: rows.map((r) => r[5] ?? (r[1] < 0 ? '' : 'layers')),
    shapes: rows.map((r) => (r[4] === false ? [8] : [8, 8])),
  };
}

const llama = table([
  ['output', -1, 'output', 'output'],
  ['embed', -1, 'embedding', 'embed'],
  ['norm', -1, 'norm', 'norm', false],
  ['l0.down', 0, 'mlp.down', 'down'],
  ['l0.q', 0, 'attention.q', 'q'],
  ['l0.norm', 0, 'norm', 'attn_norm', false],
  ['l1.down', 1, 'mlp.down', 'down'],
  ['l1.q', 1, 'attention.q', 'q'],
]);

describe('gridLayout', () => {
  it('orders columns by role and rows by layer, and leaves vectors out', () => {
    const { blocks, rowOf, columnOf, blockOf } = gridLayout(llama, false);
    expect(blocks.map((b) => b.kind)).toEqual(['named', 'layers']);
    expect(blocks[1]?.columns).toEqual(['q', 'down']);
    expect(blocks[1]?.rows.map((r) => r.label)).toEqual(['0', '1']);
    expect(blocks[1]?.rows[1]?.cells).toEqual([[7], [6]]);
    expect([blockOf[6], rowOf[6], columnOf[6]]).toEqual([1, 1, 1]);
    expect(blockOf[5]).toBe(-1);
  });

  it('puts the embedding before the output whatever the file order', () => {
    expect(gridLayout(llama, false).blocks[0]?.rows[0]?.cells).toEqual([[1], [0]]);
  });

  it('shows norms on request', () => {
    expect(gridLayout(llama, true).blocks[1]?.columns).toEqual(['q', 'down', 'attn_norm']);
  });

  it('shows vectors when a file holds nothing else', () => {
    const only = table([['a', -1, 'norm', 'a', false]]);
    expect(gridLayout(only, false).blocks[0]?.rows[0]?.cells).toEqual([[0]]);
  });

  it('gathers repeated modules of a layer in one cell', () => {
    const experts = table([0, 1, 2].map((e) => [`l0.experts.${e}.gate`, 0, 'expert.gate', 'expert.gate']));
    expect(gridLayout(experts, false).blocks[0]?.rows[0]?.cells).toEqual([[0, 1, 2]]);
  });

  it('keeps stacks apart', () => {
    const two = table([
      ['encoder.0.q', 0, 'attention.q', 'q', true, 'encoder'],
      ['decoder.0.q', 0, 'attention.q', 'q', true, 'decoder'],
    ]);
    expect(gridLayout(two, false).blocks.map((b) => b.title)).toEqual(['encoder', 'decoder']);
  });

  it('shows matrices that no plan would touch', () => {
    const graph = table([
      ['conv.weight', -1, 'convolution', 'conv'],
      ['conv.bias', -1, 'bias', 'conv.bias', false],
      ['l0.gate', 0, 'router', 'router'],
    ]);
    expect([...gridLayout(graph, false).blockOf]).toEqual([0, -1, 1]);
  });

  it('groups many tensors outside layers by the first part of their name', () => {
    const graph = table(
      Array.from({ length: MAX_NAMED_CELLS + 6 }, (_, i) => {
        const name = `${i < 10 ? 'stem' : 'head'}.${i}`;
        return [`onnx::MatMul_${i}`, -1, 'other', name];
      }),
    );
    const { blocks } = gridLayout(graph, false);
    expect(blocks.map((b) => [b.kind, b.title])).toEqual([
      ['named', 'stem'],
      ['named', 'head'],
    ]);
    const shown = blocks.flatMap((b) => b.rows.flatMap((r) => r.cells.flat()));
    expect(shown).toEqual(Array.from({ length: MAX_NAMED_CELLS + 6 }, (_, i) => i));
  });

  it('lays out 100,000 tensors with every tensor placed once', () => {
    const big = table(
      Array.from({ length: 100_000 }, (_, i) => [
        `l${Math.floor(i / 10)}.m${i % 10}`,
        Math.floor(i / 10),
        'other',
        `m${i % 10}`,
      ]),
    );
    const layout = gridLayout(big, false);
    expect(layout.blocks[0]?.rows.length).toBe(10_000);
    expect(layout.blockOf.every((b) => b === 0)).toBe(true);
  });
});

describe('gridGeometry', () => {
  const layout = gridLayout(llama, false);
  const geometry = gridGeometry(layout, 800, 400);

  it('names only the rows in view', () => {
    const tall = gridLayout(table(Array.from({ length: 1000 }, (_, i) => [`l${i}`, i, 'other', 'm'])), false);
    const g = gridGeometry(tall, 800, 400);
    const { rows } = rowsInView(g, 1000, 1400);
    expect(rows.length).toBeLessThan(25);
    for (const { block, row } of rows) {
      expect(g.rowTop(block, row)).toBeGreaterThan(1000 - 50);
      expect(g.rowTop(block, row)).toBeLessThan(1400);
    }
  });

  it('never makes columns wider than the room', () => {
    const block = geometry.blocks[1];
    expect((block?.columnWidth ?? 0) * 2 + geometry.labelWidth).toBeLessThanOrEqual(800);
  });

  it('moves the cursor across blocks and stops at the edges', () => {
    const start = { block: 0, row: 0, column: 1 };
    expect(moveCursor(layout, start, 'ArrowDown')).toEqual({ block: 1, row: 0, column: 1 });
    expect(moveCursor(layout, start, 'ArrowUp')).toEqual(start);
    expect(moveCursor(layout, start, 'ArrowRight')).toEqual(start);
    expect(moveCursor(layout, { block: 1, row: 0, column: 0 }, 'ArrowUp')).toEqual({ block: 0, row: 0, column: 0 });
    expect(moveCursor(layout, start, 'x')).toBeNull();
  });
});
