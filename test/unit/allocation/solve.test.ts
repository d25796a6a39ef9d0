import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frontierOf } from '../../../core/allocation/frontier.ts';
import { solveAllocation } from '../../../core/allocation/solve.ts';
import { QuantscopeError } from '../../../core/base/errors.ts';
import { bruteForce, byteTable, problemOf, seeded, type Table } from './instances.ts';

/** Small whole damages are summed exactly, so that ties are ties. */
const wholeTable = (items: number, choices: number, bytes: number, damage: number): fc.Arbitrary<Table> =>
  fc.array(
    fc.array(fc.tuple(fc.integer({ min: 1, max: bytes }), fc.integer({ min: 0, max: damage })), {
      minLength: 1,
      maxLength: choices,
    }),
    { minLength: 1, maxLength: items },
  );

function expectOptimal(table: Table, budget: number, optimum: { damage: number; bytes: number } | null): void {
  const problem = problemOf(table, budget);
  if (optimum === null) {
    expect(() => solveAllocation(problem)).toThrow(QuantscopeError);
    return;
  }
  const solved = solveAllocation(problem);
  expect(solved.bytes).toBeLessThanOrEqual(budget);
  expect(solved.damage).toBeCloseTo(optimum.damage, 9);
  expect(solved.bytes).toBe(optimum.bytes);
  expect(solved.gap).toBeLessThanOrEqual(1e-12);
  let bytes = 0;
  for (const [i, choices] of table.entries()) bytes += choices[solved.chosen[i] ?? 0]?.[0] ?? Number.NaN;
  expect(bytes).toBe(solved.bytes);
}

describe('solveAllocation', () => {
  it('equals brute force on small instances with many ties', () => {
    fc.assert(
      fc.property(wholeTable(6, 5, 9, 6), fc.integer({ min: 1, max: 60 }), (table, budget) => {
        expectOptimal(table, budget, bruteForce(table, budget));
      }),
      { numRuns: 600, seed: 1 },
    );
  });

  it('counts the name of an importance matrix where it weighed a choice, and only there', () => {
    const instance = fc.record({
      table: wholeTable(4, 4, 9, 6),
      weighed: fc.array(fc.boolean(), { minLength: 16, maxLength: 16 }),
      importanceBytes: fc.integer({ min: 1, max: 12 }),
      budget: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(instance, ({ table, weighed, importanceBytes, budget }) => {
        const isWeighed = (item: number, choice: number): boolean => weighed[4 * item + choice] === true;
        const plain = problemOf(table, budget, 5);
        const items = plain.items.map((item, i) => {
          return { ...item, choices: item.choices.map((choice, k) => ({ ...choice, weighed: isWeighed(i, k) })) };
        });
        // Either the name's bytes are spent beforehand, or nothing weighed is left to choose.
        const named = bruteForce(table, budget - 5 - importanceBytes);
        const unweighed = table.map((choices, i) => choices.filter((_, k) => !isWeighed(i, k)));
        const found = [named, bruteForce(unweighed, budget - 5)].filter((optimum) => optimum !== null);
        const solve = () => solveAllocation({ ...plain, items, importanceBytes });
        if (found.length === 0) {
          expect(solve).toThrow(QuantscopeError);
          return;
        }
        const { chosen, bytes, damage, feasible, gap } = solve();
        const any = [...chosen].some((k, i) => isWeighed(i, k));
        const spent = table.reduce((sum, choices, i) => sum + (choices[chosen[i] ?? 0]?.[0] ?? Number.NaN), 5);
        expect(bytes).toBe(spent + (any ? importanceBytes : 0));
        expect(bytes).toBeLessThanOrEqual(budget);
        expect(damage).toBeCloseTo(Math.min(...found.map((optimum) => optimum.damage)), 9);
        expect(gap).toBeLessThanOrEqual(1e-12);
        expect(feasible.minBytes).toBeLessThanOrEqual(bytes);
        expect(feasible.maxBytes).toBeGreaterThanOrEqual(bytes);
      }),
      { numRuns: 1000, seed: 5 },
    );
  });

  it('equals dynamic programming over bytes on larger instances', () => {
    fc.assert(
      fc.property(wholeTable(25, 8, 40, 1000), fc.double({ min: 0, max: 1, noNaN: true }), (table, share) => {
        const { minBytes, maxBytes } = frontierOf(problemOf(table, 1).items);
        const budget = Math.round(minBytes + share * (maxBytes - minBytes));
        expectOptimal(table, budget, byteTable(table, budget));
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it('equals dynamic programming where damage falls off with bits as quantizers do', () => {
    const random = seeded(3);
    for (let run = 0; run < 60; run++) {
      const table = Array.from({ length: 30 }, () => {
        const size = 1 + Math.floor(random() * 12);
        const scale = Math.exp(4 * random());
        return [3, 4, 5, 6, 8, 16].map((bits): [number, number] => [
          bits * size,
          scale * 4 ** -bits * (0.7 + 0.6 * random()),
        ]);
      });
      const { minBytes, maxBytes } = frontierOf(problemOf(table, 1).items);
      const budget = Math.round(minBytes + random() * 0.7 * (maxBytes - minBytes));
      const solved = solveAllocation(problemOf(table, budget));
      const optimum = byteTable(table, budget);
      expect(solved.bytes).toBeLessThanOrEqual(budget);
      expect(solved.gap).toBeLessThanOrEqual(1e-12);
      expect(Math.abs(solved.damage - (optimum?.damage ?? 0))).toBeLessThanOrEqual(1e-12 * solved.damage);
    }
  });

  it('solves groups of identical tensors exactly', () => {
    fc.assert(
      fc.property(
        wholeTable(3, 5, 12, 50),
        fc.integer({ min: 2, max: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (kinds, copies, share) => {
          const table = kinds.flatMap((kind) => Array.from({ length: copies }, () => kind));
          const { minBytes, maxBytes } = frontierOf(problemOf(table, 1).items);
          const budget = Math.round(minBytes + share * (maxBytes - minBytes));
          expectOptimal(table, budget, byteTable(table, budget));
        },
      ),
      { numRuns: 150, seed: 4 },
    );
  });

  it('changes several of many identical tensors where one change is not enough', () => {
    const random = seeded(6);
    for (let run = 0; run < 60; run++) {
      const kinds = Array.from({ length: 1 + (run % 2) }, () => {
        const size = 3 + Math.floor(random() * 5);
        return [3, 4, 5, 6, 8].map((bits): [number, number] => [
          bits * size + Math.floor(random() * size),
          4 ** -bits * (0.8 + 0.4 * random()),
        ]);
      });
      const table = kinds.flatMap((kind) => Array.from({ length: 25 }, () => kind));
      const { minBytes, maxBytes } = frontierOf(problemOf(table, 1).items);
      const budget = Math.round(minBytes + random() * 0.8 * (maxBytes - minBytes));
      const solved = solveAllocation(problemOf(table, budget));
      const optimum = byteTable(table, budget)?.damage ?? 0;
      expect(Math.abs(solved.damage - optimum)).toBeLessThanOrEqual(1e-12 * optimum);
      expect(solved.gap).toBeLessThanOrEqual(1e-12);
    }
  });

  it('is never over budget, even by the padding of one tensor', () => {
    const table: Table = [
      [
        [32, 5],
        [64, 1],
      ],
      [
        [32, 5],
        [64, 1],
      ],
    ];
    expect(solveAllocation(problemOf(table, 127, 0)).bytes).toBe(96);
    expect(solveAllocation(problemOf(table, 128, 0)).bytes).toBe(128);
    expect(solveAllocation(problemOf(table, 128, 1)).bytes).toBe(97);
  });

  it('prefers fewer bytes, then the earlier choice, on equal damage', () => {
    const table: Table = [
      [
        [64, 1],
        [32, 1],
        [32, 1],
        [96, 1],
      ],
    ];
    expect([...solveAllocation(problemOf(table, 1000)).chosen]).toEqual([1]);
  });

  it('quotes the feasible interval when the target is too small', () => {
    const table: Table = [
      [
        [100, 1],
        [200, 0],
      ],
      [
        [50, 1],
        [70, 0],
      ],
    ];
    try {
      solveAllocation(problemOf(table, 159, 10));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(QuantscopeError);
      expect((error as QuantscopeError).code).toBe('BUDGET_INFEASIBLE');
      expect((error as QuantscopeError).message).toContain('160 to 280 bytes');
    }
    expect(solveAllocation(problemOf(table, 160, 10)).bytes).toBe(160);
  });

  it('solves a problem without tensors, and rejects a NaN target', () => {
    expect(solveAllocation(problemOf([], 10, 10))).toMatchObject({ bytes: 10, damage: 0, gap: 0 });
    expect(() => solveAllocation(problemOf([], Number.NaN, 10))).toThrow('target of NaN bytes');
  });

  it('more budget never means more damage, and the same budget gives the same plan', () => {
    const random = seeded(5);
    const table = Array.from({ length: 300 }, () => {
      const size = 32 * Math.ceil(random() * 1000);
      const scale = Math.exp(3 * random());
      return [2.6, 3.4, 4.5, 5.5, 6.6, 8.5].map((bits): [number, number] => [
        32 * Math.ceil((size * bits) / 32),
        scale * 4 ** -bits,
      ]);
    });
    const { minBytes, maxBytes } = frontierOf(problemOf(table, 1).items);
    let before = Number.POSITIVE_INFINITY;
    for (let step = 0; step <= 40; step++) {
      const problem = problemOf(table, minBytes + (step / 40) * (maxBytes - minBytes));
      const solved = solveAllocation(problem);
      expect(solved.damage).toBeLessThanOrEqual(before * (1 + 1e-12));
      expect(solved.gap).toBeLessThanOrEqual(1e-9);
      expect(solveAllocation(problem).chosen).toEqual(solved.chosen);
      before = solved.damage;
    }
  });
});
