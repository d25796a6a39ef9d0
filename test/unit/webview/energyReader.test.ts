import { describe, expect, it } from 'vitest';
import { createEnergyReader } from '../../../webview/app/energyReader.ts';
import type { HostClient } from '../../../webview/app/hostClient.ts';
import { HostFailure } from '../../../webview/app/hostFailure.ts';
import { NOTHING, type SessionState } from '../../../webview/app/sessionState.ts';
import { createStore } from '../../../webview/app/store.ts';

const TENSORS = 10;

function session(profile: (tensor: number) => Promise<Float32Array>) {
  const asked: number[] = [];
  const call = async (_method: string, { tensor }: { tensor: number }, signal?: AbortSignal) => {
    asked.push(tensor);
    const columnAbsMax = await profile(tensor);
    if (signal?.aborted) throw new HostFailure({ code: 'CANCELLED', message: 'profile cancelled' });
    return { columnAbsMax };
  };
  const state = createStore<SessionState>({
    ...NOTHING,
    phase: 'ready',
    path: '',
    figuresVersion: 0,
    solveMs: 0,
    notice: null,
    summary: { model: 1 } as SessionState['summary'],
    energy: new Float64Array(TENSORS).fill(Number.NaN),
  });
  let moves = 0;
  const reader = createEnergyReader({ call } as unknown as HostClient, state, () => moves++);
  return { reader, state, asked, moves: () => moves };
}

describe('energyReader', () => {
  it('reads every tensor once and tells of each', async () => {
    const { reader, state, asked, moves } = session(async (tensor) => Float32Array.of(tensor, 1, 0, 0));
    await reader.read();
    expect([...asked].sort((a, b) => a - b)).toEqual(Array.from({ length: TENSORS }, (_, t) => t));
    expect(state.get().energy[3]).toBeCloseTo(0.75, 12);
    expect(moves()).toBe(TENSORS);
  });

  it('asks for no more once cancelled, and that is no failure', async () => {
    const { reader, state, asked } = session(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return Float32Array.of(1);
    });
    const reading = reader.read();
    reader.cancel();
    await reading;
    expect(asked.length).toBeLessThan(TENSORS);
    expect(state.get().notice).toBeNull();
  });

  it('says what went wrong and stops', async () => {
    const { reader, state, asked } = session(async (tensor) => {
      if (tensor === 2) throw new HostFailure({ code: 'FILE_CHANGED', message: 'imatrix.dat changed' });
      return Float32Array.of(1);
    });
    await reader.read();
    expect(state.get().notice).toBe('FILE_CHANGED: imatrix.dat changed');
    expect(asked.length).toBeLessThan(TENSORS);
  });
});
