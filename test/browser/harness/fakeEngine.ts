// Answers the message table from a synthetic model: the views can be looked at without an engine.

import type { Event, EventName, Params, WebviewCall } from '../../../core/protocol/calls.ts';
import type { Damage, SensitivityRow } from '../../../core/protocol/objects.ts';
import { type Assignment, type PlanRequest, type Solution, UNPLANNED } from '../../../core/protocol/plan.ts';
import { GGUF_TARGETS } from '../../../core/quant/ggufTypes.ts';
import type { FakeModel } from './fakeModel.ts';
import { fakeRuns } from './fakeRuns.ts';

export type Emit = <E extends EventName>(event: E, payload: Event<E>) => void;
export type Handler = (method: WebviewCall, params: unknown, signal: AbortSignal) => Promise<unknown>;

const BATCH = 500;
const FILE_OVERHEAD = 32_000;

export function fakeEngine(model: FakeModel, emit: Emit, scanMs: number): Handler {
  const count = model.table.names.length;
  const provenance = {
    kind: 'measured' as const,
    method: 'one pass over every element',
    at: '2026-01-01T00:00:00Z',
    fingerprint: 'fake',
  };
  let rows: SensitivityRow[] | null = null;
  const runs = fakeRuns(model, emit, scanMs);

  async function scan(task: 'statistics' | 'sensitivity', signal: AbortSignal) {
    for (let start = 0; start < count; start += BATCH) {
      await pause((scanMs * Math.min(BATCH, count)) / count);
      if (signal.aborted) throw { code: 'CANCELLED', message: `${task} cancelled` };
      const batch = Array.from({ length: Math.min(BATCH, count - start) }, (_, i) => start + i);
      if (task === 'statistics') {
        emit('statistics', {
          model: 1,
          rows: batch.map((tensor) => ({ tensor, statistics: model.statistics(tensor) })),
        });
      } else {
        const found = batch.filter((t) => model.table.quantizable[t] === 1);
        emit('sensitivity', { model: 1, rows: found.map((tensor) => ({ tensor, damages: model.damages(tensor) })) });
      }
      const done = Math.min(count, start + BATCH);
      const message = model.table.names[done - 1] ?? '';
      emit('progress', {
        model: 1,
        task,
        done,
        total: count,
        message,
        secondsLeft: ((count - done) / count) * scanMs * 1e-3,
      });
    }
    return {
      tensors: count,
      cached: 0,
      seconds: scanMs / 1000,
      provenance: { ...provenance, kind: task === 'statistics' ? 'measured' : 'estimated' },
    };
  }

  const sensitivity = (): SensitivityRow[] => {
    rows ??= model.table.names.flatMap((_, tensor) =>
      model.table.quantizable[tensor] === 1 ? [{ tensor, damages: model.damages(tensor) }] : [],
    );
    return rows;
  };

  return async (method, raw, signal) => {
    const params = raw as never;
    switch (method) {
      case 'open':
        await pause(30);
        return model.summary;
      case 'tensors':
        return model.table;
      case 'statistics':
      case 'sensitivity':
        return scan(method, signal);
      case 'tile':
        return tile(model, params);
      case 'channel': {
        const { tensor, axis, index } = params as Params<'channel'>;
        const shape = model.table.shapes[tensor] ?? [1, 1];
        const columns = shape.at(-1) ?? 1;
        const length = axis === 'row' ? columns : (model.table.elements[tensor] ?? 0) / columns;
        return {
          values: Float32Array.from({ length }, (_, i) =>
            axis === 'row' ? model.value(tensor, index, i) : model.value(tensor, i, index),
          ),
        };
      }
      case 'profile': {
        const { tensor } = params as Params<'profile'>;
        return profile(model, tensor);
      }
      case 'solve': {
        const began = performance.now();
        const solution = solve(model, sensitivity(), (params as Params<'solve'>).request);
        return { ...solution, solveMs: performance.now() - began };
      }
      case 'preview': {
        const began = performance.now();
        const { tensors, ...totals } = solve(model, sensitivity(), (params as Params<'preview'>).request);
        const of = (figure: (assigned: Assignment) => number) =>
          Float64Array.from(model.table.names, (name) => (tensors[name] === undefined ? 0 : figure(tensors[name])));
        return {
          ...totals,
          types: Uint8Array.from(model.table.names, (name) => {
            const assigned = tensors[name];
            return assigned === undefined ? UNPLANNED : GGUF_TARGETS.indexOf(assigned.type);
          }),
          tensorBytes: of((a) => a.bytes),
          relativeErrors: of((a) => a.relativeError),
          damages: of((a) => a.damage),
          solveMs: performance.now() - began,
        };
      }
      case 'pareto':
        return pareto(model, sensitivity(), (params as Params<'pareto'>).request);
      case 'preflight':
        return {
          ok: true,
          bytes: 1e8,
          checks: [
            { name: 'disk', ok: true, message: '81 MB needed, 214 GB free' },
            { name: 'memory', ok: true, message: '96 MB needed, 11.2 GB free' },
            { name: 'format', ok: true, message: 'every chosen type exists in GGUF v3' },
            { name: 'output', ok: true, message: 'nothing there yet' },
          ],
        };
      case 'export': {
        const { plan, output } = params as Params<'export'>;
        for (let i = 1; i <= 20; i++) {
          await pause(60);
          if (signal.aborted) throw { code: 'CANCELLED', message: 'export cancelled' };
          emit('progress', {
            model: 1,
            task: 'export',
            done: i,
            total: 20,
            message: model.table.names[i % count] ?? '',
            secondsLeft: (20 - i) * 0.06,
          });
        }
        const tensors = Object.entries(plan.solution.tensors).map(([name, a]) => ({
          name,
          exportedName: name.replace('model.layers', 'blk'),
          status: 'close' as const,
          originalDtype: 'BF16' as const,
          exportedDtype: a.type,
          sqnr: -10 * Math.log10(a.relativeError),
          maxError: 0.001,
        }));
        const verify = {
          original: 'a',
          exported: output,
          tensors,
          compared: tensors.length,
          identical: 61,
          renamed: tensors.length,
          missing: [],
          extra: [],
          worstSqnr: 14.2,
          meanSqnr: 21.9,
          ok: true,
        };
        return { output, bytes: plan.solution.bytes, bitsPerWeight: plan.solution.bitsPerWeight, seconds: 1.4, verify };
      }
      default:
        return (await runs(method, raw, signal)) ?? {};
    }
  };
}

function tile(model: FakeModel, { tensor, rows, columns, width, height }: Params<'tile'>) {
  const values = new Float32Array(width * height);
  const extremeRows = new Uint32Array(width * height);
  const extremeColumns = new Uint32Array(width * height);
  const samples = 4;
  const all = model.statistics(tensor);
  const shape = model.table.shapes[tensor] ?? [1, 1];
  const planted = all.kurtosis > 20 ? [211, Math.floor(0.64 * (shape.at(-1) ?? 1))] : null;
  for (let j = 0; j < height; j++) {
    for (let i = 0; i < width; i++) {
      const r0 = rows[0] + Math.floor((j * (rows[1] - rows[0])) / height);
      const r1 = Math.max(r0 + 1, rows[0] + Math.floor(((j + 1) * (rows[1] - rows[0])) / height));
      const c0 = columns[0] + Math.floor((i * (columns[1] - columns[0])) / width);
      const c1 = Math.max(c0 + 1, columns[0] + Math.floor(((i + 1) * (columns[1] - columns[0])) / width));
      let best = 0;
      const look = (r: number, c: number): void => {
        const v = model.value(tensor, r, c);
        if (Math.abs(v) < Math.abs(best)) return;
        best = v;
        extremeRows[j * width + i] = r;
        extremeColumns[j * width + i] = c;
      };
      for (let r = r0; r < r1; r += Math.max(1, Math.floor((r1 - r0) / samples))) {
        for (let c = c0; c < c1; c += Math.max(1, Math.floor((c1 - c0) / samples))) look(r, c);
        for (const f of [0.14, 0.39, 0.64, 0.9]) {
          const c = Math.floor(f * (shape.at(-1) ?? 1));
          if (c >= c0 && c < c1) look(r, c);
        }
      }
      const [pr, pc] = planted ?? [];
      if (pr !== undefined && pc !== undefined && pr >= r0 && pr < r1 && pc >= c0 && pc < c1) look(pr, pc);
      values[j * width + i] = best;
    }
  }
  return { tensor, rows, columns, width, height, values, extremeRows, extremeColumns };
}

function profile(model: FakeModel, tensor: number) {
  const { min, max, std, count } = model.statistics(tensor);
  const step = (max - min) / 256;
  const histogram = Float64Array.from({ length: 256 }, (_, i) => {
    const x = (min + (i + 0.5) * step) / std;
    const bulk = (count * step * Math.exp(-0.5 * x * x)) / (std * 2.5066);
    return bulk < 0.5 ? (i % 37 === 3 ? 2 : 0) : Math.round(bulk);
  });
  const shape = model.table.shapes[tensor] ?? [1];
  const columns = shape.at(-1) ?? 1;
  const rows = (model.table.elements[tensor] ?? 0) / columns;
  return {
    tensor,
    histogram,
    rowAbsMax: new Float32Array(rows),
    rowKurtosis: new Float32Array(rows),
    columnAbsMax: Float32Array.from({ length: columns }, (_, column) => Math.abs(model.value(tensor, 0, column))),
    columnKurtosis: new Float32Array(columns),
  };
}

/** Lagrangian choice: cheapest damage + λ · bytes per tensor, λ by bisection. */
function solve(model: FakeModel, rows: readonly SensitivityRow[], request: PlanRequest): Solution {
  const allowed = rows.map((row) => options(model, row, request));
  const kept =
    model.summary.bytes - rows.reduce((sum, row) => sum + (model.table.bytes[row.tensor] ?? 0), 0) + FILE_OVERHEAD;
  const sizeAt = (lambda: number): number => kept + allowed.reduce((sum, list) => sum + pick(list, lambda).bytes, 0);
  let low = 1e-18;
  let high = 1e3;
  for (let i = 0; i < 40; i++) {
    const middle = Math.sqrt(low * high);
    if (sizeAt(middle) > request.targetBytes) low = middle;
    else high = middle;
  }
  const picks = allowed.map((list) => pick(list, high));
  const bytes = kept + picks.reduce((sum, p) => sum + p.bytes, 0);
  const minBytes = kept + allowed.reduce((sum, list) => sum + Math.min(...list.map((d) => d.bytes)), 0);
  const maxBytes = kept + allowed.reduce((sum, list) => sum + Math.max(...list.map((d) => d.bytes)), 0);
  if (bytes > request.targetBytes)
    throw {
      code: 'BUDGET_INFEASIBLE',
      message: `${request.targetBytes} bytes asked, ${minBytes} is the least these rules allow`,
    };
  const tensors: Solution['tensors'] = {};
  rows.forEach((row, i) => {
    const p = picks[i];
    const name = model.table.names[row.tensor] ?? '';
    const isPinned = request.pins.some((entry) => entry.name === name);
    const why = isPinned
      ? `locked to ${p?.type} by name`
      : `one type up costs ${Math.round((p?.bytes ?? 0) / 8)} bytes for 12 % less error; one down would save less than any other tensor offers`;
    if (p !== undefined)
      tensors[name] = { type: p.type, bytes: p.bytes, relativeError: p.relativeError, damage: p.relativeError, why };
  });
  const damage = picks.reduce((sum, p) => sum + p.relativeError, 0);
  return {
    bytes,
    bitsPerWeight: (8 * bytes) / model.summary.parameters,
    damage,
    gap: 0,
    feasible: { minBytes, maxBytes },
    tensors,
  };
}

function pareto(model: FakeModel, rows: readonly SensitivityRow[], request: PlanRequest) {
  const probe = solve(model, rows, { ...request, targetBytes: Number.MAX_SAFE_INTEGER });
  const { minBytes, maxBytes } = probe.feasible;
  const count = rows.length > 10_000 ? 8 : 32;
  const points = Array.from({ length: count }, (_, i) => {
    const { bytes, bitsPerWeight, damage } = solve(model, rows, {
      ...request,
      targetBytes: minBytes + ((maxBytes - minBytes) * i) / (count - 1),
    });
    return { bytes, bitsPerWeight, damage };
  });
  const landmarks = (['Q2_K', 'Q3_K', 'Q4_0', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0'] as const).map((type) => {
    const s = solve(model, rows, {
      ...request,
      choices: [type],
      pins: [],
      locks: [],
      minimums: [],
      targetBytes: Number.MAX_SAFE_INTEGER,
    });
    return { label: `uniform ${type}`, bytes: s.bytes, bitsPerWeight: s.bitsPerWeight, damage: s.damage };
  });
  return { points, landmarks };
}

function options(model: FakeModel, row: SensitivityRow, request: PlanRequest): Damage[] {
  const name = model.table.names[row.tensor] ?? '';
  const role = model.table.roles[row.tensor];
  const pinned = request.pins.find((entry) => entry.name === name)?.type;
  const locked = request.locks.findLast((lock) => new RegExp(lock.pattern).test(name))?.type;
  const fixed = pinned ?? locked;
  if (fixed !== undefined) return row.damages.filter((d) => d.type === fixed);
  const least = request.minimums.findLast((m) => m.role === role)?.type;
  const from = least === undefined ? 0 : GGUF_TARGETS.indexOf(least);
  const found = row.damages.filter((d) => request.choices.includes(d.type) && GGUF_TARGETS.indexOf(d.type) >= from);
  return found.length > 0 ? found : row.damages.slice(-1);
}

function pick(list: readonly Damage[], lambda: number): Damage {
  let best = list[0] as Damage;
  for (const d of list) if (d.relativeError + lambda * d.bytes < best.relativeError + lambda * best.bytes) best = d;
  return best;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
