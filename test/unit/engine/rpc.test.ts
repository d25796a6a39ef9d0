// The engine as the editor sees it: one child process, typed calls, streamed rows, cancellation, coded failures.

import { describe, expect, it } from 'vitest';
import { CancellationTokenSource, ResponseError } from 'vscode-jsonrpc/node';
import { ENGINE_CALLS, EVENTS, PROTOCOL_VERSION } from '../../../core/protocol/calls.ts';
import { SAMPLE, startEngine } from './program.ts';

describe('rpc', () => {
  it('answers a whole session with results that satisfy the message table', async () => {
    await using engine = startEngine();
    const { connection } = engine;
    const handshake = ENGINE_CALLS.handshake.result.parse(
      await connection.sendRequest('handshake', { protocol: PROTOCOL_VERSION }),
    );
    expect(handshake.protocol).toBe(PROTOCOL_VERSION);
    const { model, tensorCount } = ENGINE_CALLS.open.result.parse(
      await connection.sendRequest('open', { path: SAMPLE }),
    );
    const table = ENGINE_CALLS.tensors.result.parse(await connection.sendRequest('tensors', { model }));
    expect(table.names).toHaveLength(tensorCount);

    const rows = new Set<number>();
    connection.onNotification('statistics', (event) => {
      for (const row of EVENTS.statistics.parse(event).rows) rows.add(row.tensor);
    });
    ENGINE_CALLS.statistics.result.parse(await connection.sendRequest('statistics', { model }));
    expect(rows.size).toBe(tensorCount);

    const tensor = table.names.indexOf('model.layers.0.mlp.down_proj.weight');
    const profile = ENGINE_CALLS.profile.result.parse(await connection.sendRequest('profile', { model, tensor }));
    expect(profile.columnAbsMax).toBeInstanceOf(Float32Array);
    const window = { rows: [0, 256], columns: [0, 768], width: 64, height: 32 };
    const tile = ENGINE_CALLS.tile.result.parse(await connection.sendRequest('tile', { model, tensor, ...window }));
    expect(tile.values).toHaveLength(64 * 32);
    const cell = tile.values.reduce((best, v, i) => (Math.abs(v) > Math.abs(tile.values[best] ?? 0) ? i : best), 0);
    const row = await connection.sendRequest('channel', { model, tensor, axis: 'row', index: tile.extremeRows[cell] });
    const { values } = ENGINE_CALLS.channel.result.parse(row);
    expect(values[tile.extremeColumns[cell] ?? -1]).toBe(tile.values[cell]);

    ENGINE_CALLS.sensitivity.result.parse(await connection.sendRequest('sensitivity', { model }));
    const request = { targetBytes: 3_000_000, choices: ['Q4_K', 'Q6_K', 'Q2_K'], locks: [], pins: [], minimums: [] };
    const solution = ENGINE_CALLS.solve.result.parse(await connection.sendRequest('solve', { model, request }));
    expect(solution.bytes).toBeLessThanOrEqual(request.targetBytes);
    const { points, landmarks, bound, boundBasis } = ENGINE_CALLS.pareto.result.parse(
      await connection.sendRequest('pareto', { model, request }),
    );
    expect(points.length).toBeGreaterThan(2);
    expect(bound?.length).toBeGreaterThan(20);
    expect(boundBasis).toContain('Gaussian');
    const mixes = ['Q4_K_S mix', 'Q4_K_M mix'];
    expect(landmarks.map((l) => l.label)).toEqual(expect.arrayContaining([...request.choices, ...mixes]));
    ENGINE_CALLS.close.result.parse(await connection.sendRequest('close', { model }));
  });

  it('fails with a code, and refuses what the table does not allow', async () => {
    await using engine = startEngine();
    const failure = (error: unknown): unknown => (error instanceof ResponseError ? error.data : error);
    await expect(
      engine.connection.sendRequest('open', { path: '/no/such/model.gguf' }).catch(failure),
    ).resolves.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(engine.connection.sendRequest('tensors', { model: -1 }).catch(failure)).resolves.toMatchObject({
      code: 'PROTOCOL',
    });
    await expect(engine.connection.sendRequest('tensors', { model: 99 }).catch(failure)).resolves.toMatchObject({
      code: 'PROTOCOL',
    });
    await expect(engine.connection.sendRequest('handshake', { protocol: 999 }).catch(failure)).resolves.toMatchObject({
      code: 'PROTOCOL',
    });
  });

  it('cancels a running call within 200 ms', async () => {
    await using engine = startEngine();
    const { model } = ENGINE_CALLS.open.result.parse(await engine.connection.sendRequest('open', { path: SAMPLE }));
    const source = new CancellationTokenSource();
    const started = new Promise<void>((resolve) => engine.connection.onNotification('progress', () => resolve()));
    const call = engine.connection.sendRequest('sensitivity', { model }, source.token).catch((error) => error.data);
    await Promise.race([started, call]);
    const at = performance.now();
    source.cancel();
    const outcome = await call;
    expect(performance.now() - at).toBeLessThan(200);
    expect(outcome).toMatchObject({ code: 'CANCELLED' });
  });
});
