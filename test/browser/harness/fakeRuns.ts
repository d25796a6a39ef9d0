// Answers the calls that run a model from a synthetic one: calibration, activations, scores, measured plans.

import type { Activations, Calibration, PlanMeasure, Rival, ScoreId } from '../../../core/protocol/calibration.ts';
import type { Params } from '../../../core/protocol/calls.ts';
import { typeCode, typesOfCode } from '../../../core/protocol/typeCode.ts';
import type { Emit, Handler } from './fakeEngine.ts';
import type { FakeModel } from './fakeModel.ts';
import { hash } from './hash.ts';

const AT = '2026-01-01T00:00:00Z';
const TAPS = [
  { tap: 'attn_in', modules: ['q', 'k', 'v'], columns: 576 },
  { tap: 'o_in', modules: ['o'], columns: 576 },
  { tap: 'ffn_in', modules: ['gate', 'up'], columns: 576 },
  { tap: 'down_in', modules: ['down'], columns: 1536 },
];
const SCORES: readonly (readonly [ScoreId, string, string, string, 'weights' | 'calibration' | 'text', boolean])[] = [
  ['weightError', 'weight error', '‖W − Ŵ‖² / ‖W‖²', '', 'weights', false],
  ['activationError', 'activation-weighted error', 'Σ E[x²] (w − ŵ)²', 'share of ‖y‖²', 'calibration', true],
  ['blockOutputError', 'block output error', '‖y − ŷ‖² / ‖y‖²', 'share of ‖y‖²', 'text', true],
  ['measuredDivergence', 'measured KL', 'KL(p ‖ p̂) / ε', 'nats per unit of relative error', 'text', true],
  ['propagatedError', 'propagated error', '‖h − ĥ‖² / ‖h‖²', 'share of ‖h‖²', 'text', false],
];

/** @returns undefined for calls it does not know */
export function fakeRuns(model: FakeModel, emit: Emit, scanMs: number): Handler {
  const { table } = model;
  const layers = Array.from({ length: model.summary.layers }, (_, layer) => layer);
  const quantizable = table.names.flatMap((_, t) => (table.quantizable[t] === 1 ? [t] : []));
  const provenance = (method: string) => ({ kind: 'measured' as const, method, at: AT, fingerprint: 'fake' });
  const known = new Map<ScoreId, Set<number>>();
  let calibration: Calibration | null = null;

  async function steps(
    task: 'calibration' | 'evaluation' | 'sensitivity',
    signal: AbortSignal,
    step: (i: number, of: number) => void,
  ) {
    const count = 20;
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => setTimeout(resolve, scanMs / count));
      if (signal.aborted) throw { code: 'CANCELLED', message: `${task} cancelled` };
      step(i, count);
      const secondsLeft = ((count - i - 1) * scanMs) / count / 1000;
      emit('progress', {
        model: 1,
        task,
        done: i + 1,
        total: count,
        message: `block ${i + 1} of ${count}`,
        secondsLeft,
      });
    }
  }

  const channel = (tap: number, layer: number, c: number): number => {
    const heavy =
      c === 133 || c === 402 ? 900 * hash(tap, c, 3) * (layer > 1 && layer < layers.length - 1 ? 1 : 0.05) : 0;
    return 0.4 + 3 * hash(tap * 97 + layer, c, 11) ** 3 + heavy;
  };

  function activations(): Activations {
    return {
      taps: TAPS,
      rows: layers.flatMap((layer) =>
        TAPS.map(({ tap, columns }, t) => ({
          layer,
          tap,
          columns,
          rows: calibration?.tokens ?? 0,
          absMax: channel(t, layer, 133),
          mean: 0.01,
          std: 0.8 + hash(layer, t, 4),
          kurtosis: 2 + 400 * hash(layer, t, 9) ** 2,
          maxToMeanRatio: 20 + 600 * hash(layer, t, 8),
          channelRatio: 4 + 90 * hash(layer, t, 6),
        })),
      ),
      massive: layers.slice(2, 14).map((layer) => ({
        layer,
        sequence: 0,
        position: 0,
        token: '<s>',
        channel: 133,
        value: 812 + layer,
        ratio: 2100,
      })),
      sinks: layers.map((layer) => ({ layer, position: 0, token: '<s>', share: 0.3 + 0.5 * hash(layer, 2, 2) })),
      expertHits: layers.slice(0, 2).map((layer) => ({
        layer,
        hits: Array.from({ length: 60 }, (_, e) => Math.round(900 * hash(layer, e, 5) ** 2)),
      })),
      provenance: provenance('forward pass over the bundled sample'),
    };
  }

  function map(tap: string, rows: readonly number[], width: number) {
    const t = TAPS.findIndex((entry) => entry.tap === tap);
    const columns = TAPS[t]?.columns ?? 1;
    const values = new Float32Array(rows.length * width);
    const channels = new Uint32Array(rows.length * width);
    rows.forEach((layer, r) => {
      for (let c = 0; c < columns; c++) {
        const at = r * width + Math.floor((c * width) / columns);
        const value = channel(t, layer, c);
        if (value > (values[at] ?? 0)) {
          values[at] = value;
          channels[at] = c;
        }
      }
    });
    return { tap, columns, width, values, channels };
  }

  function measure({ label, bytes, bitsPerWeight }: Rival): PlanMeasure {
    const mean = 0.4 * 2 ** (-1.7 * bitsPerWeight) * (label.startsWith('Q4_K_M') ? 0.5 : 1 + hash(label.length, 1, 1));
    return {
      label,
      bytes,
      bitsPerWeight,
      predicted: mean * 0.9,
      divergence: { mean, error: mean / 40, p99: mean * 9, p999: mean * 30 },
      perplexity: 14.11 + 30 * mean,
      perplexityError: 0.12,
      originalPerplexity: 14.11,
      topAgreement: 1 - 4 * mean,
      topAgreementError: 0.002,
      tokens: 8192,
      tokensPerSecond: 9e9 / bytes,
      speedBasis: 'bytes read per token at 9 GB/s, measured on this machine',
      provenance: provenance('predictions compared with the original’s on the bundled sample'),
    };
  }

  return async (method, raw, signal) => {
    const params = raw as never;
    switch (method) {
      case 'runCost': {
        const { settings } = params as Params<'runCost'>;
        const tokens = settings.sequences * settings.context;
        const blocker = settings.context > 4096 ? `a context of ${settings.context} tokens; this model has 4096` : null;
        const seconds = tokens / 900;
        return { sequences: settings.sequences, tokens, seconds, memoryBytes: 4e8, device: 'CPU, 8 threads', blocker };
      }
      case 'calibrate': {
        const { settings } = params as Params<'calibrate'>;
        await steps('calibration', signal, () => undefined);
        calibration = {
          id: 'fake',
          source: 'bundled sample',
          kind: 'measured',
          dataHash: '3f9a0c51d2e47b88',
          settings,
          sequences: settings.sequences,
          tokens: settings.sequences * settings.context,
          device: 'CPU, 8 threads',
          tensors: quantizable.length,
          activations: true,
          stale: false,
          provenance: provenance('forward pass over the bundled sample'),
        };
        return calibration;
      }
      case 'calibration':
        return { calibration };
      case 'activations':
        return activations();
      case 'activationMap': {
        const { tap, statistic, width } = params as Params<'activationMap'>;
        return { ...map(tap, layers, width), statistic, layers };
      }
      case 'tokenMap': {
        const { prompt, layer, tap, width } = params as Params<'tokenMap'>;
        const tokens = ['<s>', ...prompt.split(/(?= )/)];
        return {
          ...map(
            tap,
            tokens.map((_, i) => (i === 0 ? layer : 0)),
            width,
          ),
          layer,
          tokens,
        };
      }
      case 'scoreMethods':
        return {
          methods: SCORES.map(([id, name, formula, unit, needs, plans]) => {
            const done = known.get(id)?.size ?? 0;
            const blocker = needs === 'calibration' && calibration === null ? 'run a calibration first' : null;
            const seconds = done === quantizable.length ? 0 : needs === 'weights' ? 3 : 240;
            return { id, name, formula, unit, needs, plans, seconds, known: done, of: quantizable.length, blocker };
          }),
        };
      case 'score': {
        const { score } = params as Params<'score'>;
        const done = known.get(score) ?? new Set();
        known.set(score, done);
        await steps('sensitivity', signal, (i) => {
          const some = quantizable.filter((_, at) => Math.floor((at * 20) / quantizable.length) === i);
          for (const tensor of some) done.add(tensor);
          const rows = some.map((tensor) => {
            const value = 0.001 + 0.08 * hash(tensor, 3, 3) ** 4;
            const left = layers.length - Math.max(0, table.layers[tensor] ?? 0);
            const curve = Array.from(
              { length: left },
              (_, k) => value * (1 + 0.4 * k) * (0.9 + 0.2 * hash(tensor, k, 6)),
            );
            return { tensor, value, error: value / 12, ...(score === 'propagatedError' ? { curve } : {}) };
          });
          emit('scores', { model: 1, score, rows });
        });
        return { tensors: quantizable.length, cached: 0, seconds: scanMs / 1000, provenance: provenance(score) };
      }
      case 'rivals':
        return {
          rivals: (['Q3_K', 'IQ4_XS', 'Q4_K', 'Q5_K'] as const).map((type, i) => {
            const bits = [3.44, 4.25, 4.5, 5.5][i] ?? 4;
            const code = typeCode(table.names.map((_, t) => (table.quantizable[t] === 1 ? type : null)));
            const bytes = (model.summary.parameters * bits) / 8;
            return { label: i === 2 ? 'Q4_K_M mix' : `uniform ${type}`, bytes, bitsPerWeight: bits, code };
          }),
        };
      case 'measurePlans': {
        const { plans, run = 0 } = params as Params<'measurePlans'>;
        let told = 0;
        await steps('evaluation', signal, (done, of) => {
          for (; told < Math.floor((plans.length * (done + 1)) / of); told++) {
            const plan = plans[told];
            if (plan !== undefined) emit('measured', { model: 1, run, plan: told, measure: measure(plan) });
          }
        });
        for (const { label, code } of plans)
          if (typesOfCode(code).includes(undefined)) throw { code: 'PLAN_INVALID', message: label };
        return { measures: plans.map(measure) };
      }
      default:
        return undefined;
    }
  };
}
