import { describe, expect, it } from 'vitest';
import { createHostClient } from '../../../webview/app/hostClient.ts';
import { HostFailure } from '../../../webview/app/hostFailure.ts';
import { latestOnly } from '../../../webview/app/latestOnly.ts';
import { matchNames } from '../../../webview/app/nameFilter.ts';
import {
  fitViewState,
  IMPORTANCE_LENSES,
  INITIAL_VIEW_STATE,
  parseViewState,
  pin,
  select,
  steered,
  toggleMark,
  WEIGHT_LENSES,
} from '../../../webview/app/viewState.ts';

describe('view state', () => {
  it('survives saving and restoring', () => {
    const state = {
      ...INITIAL_VIEW_STATE,
      lens: 'kurtosis' as const,
      selected: 3,
      zoom: { rows: [0, 8] as [number, number], columns: [4, 9] as [number, number] },
    };
    expect(parseViewState(JSON.stringify(state))).toEqual(state);
  });

  it('opens fresh on anything it does not understand', () => {
    for (const text of [null, '', '{', '{"version":2}', '[]', JSON.stringify({ ...INITIAL_VIEW_STATE, lens: 'x' })]) {
      expect(parseViewState(text)).toBeNull();
    }
  });

  it('of an older version, without tables and thresholds, is still understood', () => {
    const { tables: _, thresholds: __, ...older } = { ...INITIAL_VIEW_STATE, lens: 'outliers' as const };
    expect(parseViewState(JSON.stringify(older))).toEqual({ ...INITIAL_VIEW_STATE, lens: 'outliers' });
  });

  const subject = { tensorCount: 5, lenses: WEIGHT_LENSES, fingerprint: 'f' };

  it('is steered to lenses and tensors that exist, and by nothing else', () => {
    const state = { ...INITIAL_VIEW_STATE, inspector: 'tensor' as const };
    expect(steered(state, { view: 'kurtosis', tensor: null }, subject)).toEqual({
      lens: 'kurtosis',
      inspector: 'model',
    });
    expect(steered(state, { view: 'outliers', tensor: 4 }, subject)).toMatchObject({
      lens: 'outliers',
      selected: 4,
      inspector: 'tensor',
    });
    expect(steered(state, { view: '__proto__', tensor: 5 }, subject)).toEqual({});
  });

  it('is steered to the calibration of weights, never of an importance matrix', () => {
    const wanted = { view: 'calibration', tensor: null };
    expect(steered(INITIAL_VIEW_STATE, wanted, subject)).toEqual({ inspector: 'calibration' });
    expect(steered(INITIAL_VIEW_STATE, wanted, { ...subject, lenses: IMPORTANCE_LENSES })).toEqual({});
  });

  it('forgets what was measured of another file', () => {
    const comparison = { ...INITIAL_VIEW_STATE.comparison, fingerprint: 'f', kept: [] };
    const state = { ...INITIAL_VIEW_STATE, comparison };
    expect(fitViewState(state, subject).comparison).toBe(comparison);
    expect(fitViewState(state, { ...subject, fingerprint: 'g' }).comparison).toEqual({
      ...{ fingerprint: 'g', kept: [], measures: [] },
    });
  });

  it('calibrates and measures on different sequences at first', () => {
    expect(INITIAL_VIEW_STATE.calibrateOn).not.toEqual(INITIAL_VIEW_STATE.measureOn);
  });

  it('drops tensors that no longer exist', () => {
    const state = { ...INITIAL_VIEW_STATE, selected: 9, marked: [1, 9], channel: { axis: 'row' as const, index: 2 } };
    expect(fitViewState(state, subject)).toMatchObject({ selected: null, marked: [1], channel: null });
  });

  it('shows an importance matrix under its own lens, and leaves it for weights', () => {
    const importance = { ...subject, lenses: IMPORTANCE_LENSES };
    const state = { ...INITIAL_VIEW_STATE, lens: 'allocation' as const };
    expect(fitViewState(state, importance).lens).toBe('importance');
    expect(fitViewState({ ...state, lens: 'importance' }, subject).lens).toBe('overview');
    expect(steered(state, { view: 'export', tensor: null }, importance)).toEqual({});
  });

  it('selecting another tensor leaves the old zoom behind, the same one keeps it', () => {
    const zoomed = {
      ...INITIAL_VIEW_STATE,
      selected: 1,
      zoom: { rows: [0, 4] as [number, number], columns: [0, 4] as [number, number] },
    };
    expect(select(zoomed, 2)).toMatchObject({ selected: 2, zoom: null });
    expect(select(zoomed, 1)).not.toHaveProperty('zoom');
  });

  it('toggles marks and keeps pins sorted and unique', () => {
    const marked = { ...INITIAL_VIEW_STATE, marked: [4] };
    expect(toggleMark(marked, [2, 4]).marked).toEqual([2, 4]);
    expect(toggleMark({ ...marked, marked: [2, 4] }, [2, 4]).marked).toEqual([]);
    const once = { ...INITIAL_VIEW_STATE, ...pin(INITIAL_VIEW_STATE, ['b', 'a'], 'Q6_K') };
    expect(pin(once, ['a'], 'Q8_0').pins).toEqual([
      { name: 'a', type: 'Q8_0' },
      { name: 'b', type: 'Q6_K' },
    ]);
    expect(pin(once, ['a'], null).pins).toEqual([{ name: 'b', type: 'Q6_K' }]);
  });
});

describe('latestOnly', () => {
  it('runs one at a time and skips all but the latest waiting request', async () => {
    const started: number[] = [];
    const seen: [number, boolean][] = [];
    const finish: (() => void)[] = [];
    const queue = latestOnly<number, number>(
      (n) => {
        started.push(n);
        return new Promise((resolve) => finish.push(() => resolve(n)));
      },
      (result, _, latest) => seen.push([result, latest]),
      () => expect.unreachable(),
    );
    for (const n of [1, 2, 3, 4]) queue.request(n);
    expect(started).toEqual([1]);
    finish[0]?.();
    await settle();
    expect(started).toEqual([1, 4]);
    finish[1]?.();
    await settle();
    expect(seen).toEqual([
      [1, false],
      [4, true],
    ]);
    expect(queue.busy).toBe(false);
  });

  it('goes on after a failure and stays silent after cancel', async () => {
    const failures: number[] = [];
    const done: number[] = [];
    const queue = latestOnly<number, number>(
      (n) => (n === 1 ? Promise.reject(new Error('no')) : Promise.resolve(n)),
      (n) => done.push(n),
      (_, n) => failures.push(n),
    );
    queue.request(1);
    queue.request(2);
    await settle();
    queue.request(3);
    queue.cancel();
    await settle();
    expect([failures, done]).toEqual([[1], [2]]);
  });
});

describe('host client', () => {
  function connect() {
    const sent: { kind: string; id: number; method?: string }[] = [];
    let deliver: (data: unknown) => void = () => undefined;
    const client = createHostClient({
      post: (message) => sent.push(message),
      listen: (receive) => {
        deliver = receive;
        return () => undefined;
      },
    });
    return { client, sent, deliver: (data: unknown) => deliver(data) };
  }

  it('pairs replies by id and checks them', async () => {
    const { client, sent, deliver } = connect();
    const answer = client.call('pickOutput', { format: 'gguf', suggestedName: 'x' });
    deliver({ kind: 'reply', id: sent[0]?.id, result: { path: '/a' } });
    await expect(answer).resolves.toEqual({ path: '/a' });
    const bad = client.call('pickOutput', { format: 'gguf', suggestedName: 'x' });
    deliver({ kind: 'reply', id: sent[1]?.id, result: { path: 7 } });
    await expect(bad).rejects.toMatchObject({ failure: { code: 'PROTOCOL' } });
  });

  it('refuses wrong parameters before they leave', async () => {
    const { client, sent } = connect();
    await expect(client.call('tensors', { model: -1 })).rejects.toBeInstanceOf(HostFailure);
    expect(sent).toEqual([]);
  });

  it('cancels on the far side when aborted, once', async () => {
    const { client, sent, deliver } = connect();
    const controller = new AbortController();
    const call = client.call('statistics', { model: 1 }, controller.signal);
    controller.abort();
    await expect(call).rejects.toMatchObject({ failure: { code: 'CANCELLED' } });
    expect(sent.map((m) => m.kind)).toEqual(['call', 'cancel']);
    deliver({ kind: 'reply', id: sent[0]?.id, result: {} });
  });

  it('passes known, valid events only', () => {
    const { client, deliver } = connect();
    const heard: string[] = [];
    client.on('engineRestarted', ({ message }) => heard.push(message));
    deliver({ kind: 'event', event: 'engineRestarted', payload: { message: 'again' } });
    deliver({ kind: 'event', event: 'engineRestarted', payload: { message: 4 } });
    deliver({ kind: 'event', event: 'toString', payload: {} });
    deliver('noise from another script');
    expect(heard).toEqual(['again']);
  });
});

describe('matchNames', () => {
  const names = ['model.layers.0.q', 'model.layers.10.q', 'lm_head'];
  it('finds text anywhere and expressions between slashes', () => {
    expect(matchNames(names, 'LAYERS').count).toBe(2);
    expect([...(matchNames(names, '/layers\\.\\d\\./').matches ?? [])]).toEqual([1, 0, 0]);
    expect(matchNames(names, ' ').matches).toBeNull();
  });
  it('says what is wrong with an expression', () => {
    expect(matchNames(names, '/(/').failure).toBe('not a regular expression');
  });
});

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}
