// `npm run bench [-- NAME…]`: runs the benchmarks, prints a table and writes dist/bench.json. Ratios come from one run.

import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { table } from '../../core/engine/commands/text.ts';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import type { BenchRow } from './benchRow.ts';

const BENCHES = ['open', 'statistics', 'readers', 'quantizers', 'plan', 'evaluation', 'jobs', 'gpu'] as const;
const OUTPUT = 'dist/bench.json';

buildIfStale(['kernels', 'host']);
const wanted = process.argv.slice(2);
const rows: BenchRow[] = [];
for (const name of BENCHES.filter((n) => wanted.length === 0 || wanted.includes(n))) {
  const { bench } = (await import(`./${name}.ts`)) as { bench(): Promise<BenchRow[]> };
  process.stderr.write(`${name}…\n`);
  rows.push(...(await bench()));
}
const machine = {
  processor: cpus()[0]?.model ?? 'unknown',
  threads: cpus().length,
  memoryBytes: totalmem(),
  node: process.version,
};
writeFileSync(OUTPUT, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
const verdict = (row: BenchRow): string => (row.pass === undefined ? '' : row.pass ? 'yes' : 'NO');
console.log(`${machine.processor}, ${machine.threads} threads, Node ${machine.node}\n`);
console.log(
  table(
    ['what', 'measured', 'unit', 'aim', 'holds', 'note'],
    rows.map((r) => [r.name, r.value.toPrecision(4), r.unit, r.aim ?? '', verdict(r), r.note ?? '']),
  ),
);
