// Names of a checkpoint: each is new exactly once, however many there are.

import { describe, expect, test } from 'vitest';
import { DistinctNames } from '../../../core/checkpoint/distinctNames.ts';
import { SharedShapes } from '../../../core/checkpoint/sharedShapes.ts';
import { xorshift32 } from '../../fixtures/randomBlocks.ts';

function keeper(): { add(name: string): boolean; names: string[] } {
  const names: string[] = [];
  const distinct = new DistinctNames((position) => names[position]);
  return {
    names,
    add(name) {
      const isNew = distinct.add(name);
      if (isNew) names.push(name);
      return isNew;
    },
  };
}

describe('DistinctNames', () => {
  test('agrees with a Set', () => {
    const next = xorshift32(3);
    const { add, names } = keeper();
    const known = new Set<string>();
    for (let i = 0; i < 30_000; i++) {
      const name = `layer.${next() % 20_000}.weight`;
      expect(add(name)).toBe(!known.has(name));
      known.add(name);
    }
    expect(new Set(names)).toEqual(known);
  });

  test('the empty name, long names and names of any characters', () => {
    const { add } = keeper();
    for (const name of ['', 'a', '\u{1F642}', 'n'.repeat(1000), '__proto__', 'constructor']) {
      expect(add(name)).toBe(true);
      expect(add(name)).toBe(false);
    }
  });
});

describe('SharedShapes', () => {
  test('gives equal shapes one array and never another shape', () => {
    const shapes = new SharedShapes();
    const first = shapes.of([64, 128]);
    expect(shapes.of([64, 128])).toBe(first);
    // Numbers that share a hash: 31 · a + b.
    const pairs = [
      [0, 62],
      [1, 31],
      [2, 0],
    ] as const;
    for (const pair of pairs) expect(shapes.of([...pair])).toEqual(pair);
    for (let i = 0; i < 10_000; i++) expect(shapes.of([i, 7])).toEqual([i, 7]);
  });
});
