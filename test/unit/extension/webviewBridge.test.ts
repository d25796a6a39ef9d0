import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostMessage } from '../../../core/protocol/webviewMessages.ts';
import { RunningCalls } from '../../../extension/calls.ts';
import type { EngineClient } from '../../../extension/engineClient.ts';
import { WebviewBridge } from '../../../extension/webviewBridge.ts';

vi.mock('vscode', () => ({ workspace: {}, window: {}, commands: {}, l10n: { t: (text: string) => text } }));

const PATH = '/models/a.safetensors';

/** An engine that answers from a table and counts what it was asked. */
class FakeEngine {
  readonly pid = 1;
  readonly asked: { name: string; params: unknown; signal: AbortSignal | undefined }[] = [];
  answer: (name: string) => Promise<unknown> = async (name) => (name === 'open' ? { model: 7 } : {});
  emit: (event: { name: string; payload: unknown }) => void = () => {};
  restarted: (message: string) => void = () => {};
  call(name: string, params: unknown, signal?: AbortSignal): Promise<unknown> {
    this.asked.push({ name, params, signal });
    return this.answer(name);
  }
  onEvent(listener: typeof this.emit): { dispose(): void } {
    this.emit = listener;
    return { dispose: () => {} };
  }
  onRestarted(listener: typeof this.restarted): { dispose(): void } {
    this.restarted = listener;
    return { dispose: () => {} };
  }
}

let engine: FakeEngine;
let bridge: WebviewBridge;
let receive: (message: unknown) => void;
let sent: HostMessage[];
let trusted: boolean;
const exported = vi.fn();

beforeEach(() => {
  engine = new FakeEngine();
  sent = [];
  trusted = true;
  exported.mockClear();
  const webview = {
    onDidReceiveMessage(listener: typeof receive) {
      receive = listener;
      return { dispose: () => {} };
    },
    postMessage: async (message: HostMessage) => sent.push(message) > 0,
  };
  const viewStates = { get: () => null, save: async () => {}, isOutput: () => false, addOutput: async () => {} };
  bridge = new WebviewBridge(webview as never, {
    engine: engine as unknown as EngineClient,
    running: new RunningCalls(),
    log: () => {},
    learned: () => {},
    exported,
    exportFailed: () => {},
    host: {
      path: PATH,
      viewStates: viewStates as never,
      ownState: null,
      isTrusted: () => trusted,
      isChosenOutput: (path) => path === '/out/chosen.gguf',
      isChosenInput: (path) => path === '/in/chosen.txt' || path === '/in/chosen.imatrix',
      agreeToOutput: async (path) => path === '/out/agreed.gguf',
      runJob: async () => '/jobs/a.job',
      bringToFront: () => {},
      ready: () => {},
    },
  });
});
afterEach(() => bridge.dispose());

let nextId = 1;
async function call(method: string, params: unknown): Promise<HostMessage> {
  const id = nextId++;
  receive({ kind: 'call', id, method, params });
  return vi.waitFor(() => {
    const answer = sent.find((message) => message.kind !== 'event' && message.id === id);
    if (!answer) throw new Error('no answer yet');
    return answer;
  });
}
const failureCode = (message: HostMessage): string | null => (message.kind === 'failure' ? message.failure.code : null);

const solution = {
  bytes: 1,
  bitsPerWeight: 1,
  damage: Number.NaN,
  gap: 0,
  feasible: { minBytes: 1, maxBytes: 1 },
  solveMs: 0,
  tensors: {},
};
const request = { targetBytes: 1, choices: ['Q8_0'], locks: [], pins: [], minimums: [] };
const plan = { kind: 'quantscope.plan', version: 1, model: { name: 'a', fingerprint: '' }, request, solution };

describe('webview bridge', () => {
  it('opens its own model and no other path', async () => {
    expect(failureCode(await call('open', { path: '/etc/passwd' }))).toBe('PROTOCOL');
    expect(engine.asked).toEqual([]);
    expect((await call('open', { path: PATH })).kind).toBe('reply');
  });

  it('answers for models it opened and for no others', async () => {
    expect(failureCode(await call('tensors', { model: 7 }))).toBe('PROTOCOL');
    await call('open', { path: PATH });
    expect((await call('tensors', { model: 7 })).kind).toBe('reply');
    expect(failureCode(await call('tensors', { model: 8 }))).toBe('PROTOCOL');
  });

  it('refuses unknown calls and malformed parameters', async () => {
    expect(failureCode(await call('constructor', {}))).toBe('PROTOCOL');
    expect(failureCode(await call('tensors', { model: 'seven' }))).toBe('PROTOCOL');
    receive({ kind: 'nonsense' });
    receive(null);
    expect(engine.asked).toEqual([]);
  });

  it('lets no view ask about jobs: it draws what others wrote', async () => {
    const asked = { jobs: {}, jobCancel: { folder: '/jobs/a' }, jobLog: { folder: '/jobs/a', from: 0 } };
    for (const [name, params] of Object.entries(asked)) expect(failureCode(await call(name, params))).toBe('PROTOCOL');
    expect(engine.asked).toEqual([]);
  });

  it('exports only where the user chose, and not at all in a restricted workspace', async () => {
    await call('open', { path: PATH });
    const wish = { model: 7, plan, format: 'gguf', overwrite: true };
    expect(failureCode(await call('export', { ...wish, output: '/home/me/.bashrc' }))).toBe('CANCELLED');
    expect(engine.asked.some(({ name }) => name === 'export')).toBe(false);
    expect((await call('export', { ...wish, output: '/out/agreed.gguf' })).kind).toBe('reply');
    trusted = false;
    expect(failureCode(await call('export', { ...wish, output: '/out/chosen.gguf' }))).toBe('USAGE');
    trusted = true;
    expect((await call('export', { ...wish, output: '/out/chosen.gguf' })).kind).toBe('reply');
    expect(exported).toHaveBeenCalledWith({}, false);
  });

  it('runs a model on chosen texts only, and not at all in a restricted workspace', async () => {
    await call('open', { path: PATH });
    const settings = (path: string) => ({ text: { kind: 'file', path }, context: 64, sequences: 4, seed: 0 });
    for (const name of ['runCost', 'calibrate', 'scoreMethods']) {
      const refused = await call(name, { model: 7, settings: settings('/etc/passwd') });
      expect(failureCode(refused), name).toBe('PROTOCOL');
      expect((await call(name, { model: 7, settings: settings('/in/chosen.txt') })).kind, name).toBe('reply');
    }
    const sample = { ...settings(''), text: { kind: 'sample' } };
    expect((await call('calibrate', { model: 7, settings: sample })).kind).toBe('reply');
    trusted = false;
    const asked = engine.asked.length;
    expect(failureCode(await call('calibrate', { model: 7, settings: sample }))).toBe('USAGE');
    const prompt = { model: 7, prompt: 'a', layer: 0, tap: 'attn_in', width: 8 };
    expect(failureCode(await call('tokenMap', prompt))).toBe('USAGE');
    expect(engine.asked).toHaveLength(asked);
  });

  it('reads chosen importance matrices and writes one only where the user agreed', async () => {
    await call('open', { path: PATH });
    expect(failureCode(await call('importImatrix', { model: 7, path: '/etc/passwd' }))).toBe('PROTOCOL');
    expect((await call('importImatrix', { model: 7, path: '/in/chosen.imatrix' })).kind).toBe('reply');
    // An input is not thereby a model of this view.
    expect(failureCode(await call('open', { path: '/in/chosen.imatrix' }))).toBe('PROTOCOL');
    const wish = { model: 7, overwrite: true };
    expect(failureCode(await call('exportImatrix', { ...wish, output: '/home/me/.bashrc' }))).toBe('CANCELLED');
    expect((await call('exportImatrix', { ...wish, output: '/out/chosen.gguf' })).kind).toBe('reply');
    trusted = false;
    expect(failureCode(await call('exportImatrix', { ...wish, output: '/out/chosen.gguf' }))).toBe('USAGE');
  });

  it('verifies and opens only its own files', async () => {
    expect(failureCode(await call('verify', { original: '/other', exported: '/out/chosen.gguf' }))).toBe('PROTOCOL');
    expect(failureCode(await call('verify', { original: PATH, exported: '/secret' }))).toBe('PROTOCOL');
    expect(failureCode(await call('openModel', { path: '/secret' }))).toBe('PROTOCOL');
    expect(failureCode(await call('revealFile', { path: '/secret' }))).toBe('PROTOCOL');
  });

  it('forwards events of its models with figures JSON cannot say spelled out', async () => {
    await call('open', { path: PATH });
    const progress = { task: 'statistics', done: Number.NaN, total: 1, message: '', secondsLeft: null };
    engine.emit({ name: 'progress', payload: { model: 8, ...progress } });
    engine.emit({ name: 'progress', payload: { model: 7, ...progress } });
    const events = sent.filter((message) => message.kind === 'event');
    expect(events).toEqual([{ kind: 'event', event: 'progress', payload: { model: 7, ...progress, done: 'NaN' } }]);
  });

  it('cancels on request', async () => {
    engine.answer = () => new Promise(() => {});
    receive({ kind: 'call', id: 9001, method: 'open', params: { path: PATH } });
    await vi.waitFor(() => expect(engine.asked).toHaveLength(1));
    receive({ kind: 'cancel', id: 9001 });
    expect(engine.asked[0]?.signal?.aborted).toBe(true);
  });

  it('a view that starts anew gives up what it asked, except its export', async () => {
    await call('open', { path: PATH });
    let finish: (value: unknown) => void = () => {};
    engine.answer = (name) =>
      name === 'export' ? new Promise((resolve) => (finish = resolve)) : new Promise(() => {});
    receive({ kind: 'call', id: 9002, method: 'statistics', params: { model: 7 } });
    const wish = { model: 7, plan, format: 'gguf', overwrite: true, output: '/out/chosen.gguf' };
    receive({ kind: 'call', id: 9003, method: 'export', params: wish });
    await vi.waitFor(() => expect(engine.asked).toHaveLength(3));
    receive({ kind: 'call', id: 9004, method: 'ready', params: {} });
    const [, statistics, exporting] = engine.asked;
    expect(statistics?.signal?.aborted).toBe(true);
    expect(exporting?.signal?.aborted).toBe(false);
    expect(engine.asked.some(({ name }) => name === 'close')).toBe(false);
    finish({ output: '/out/chosen.gguf' });
    await vi.waitFor(() => expect(exported).toHaveBeenCalledWith({ output: '/out/chosen.gguf' }, true));
    expect(sent.some((message) => message.kind !== 'event' && message.id === 9003)).toBe(false);
    expect(engine.asked.at(-1)).toMatchObject({ name: 'close', params: { model: 7 } });
  });

  it('after an engine restart old models are refused and the view is told', async () => {
    await call('open', { path: PATH });
    engine.restarted('the engine ended by SIGKILL and was restarted');
    expect(sent.at(-1)).toMatchObject({ kind: 'event', event: 'engineRestarted' });
    expect(failureCode(await call('tensors', { model: 7 }))).toBe('PROTOCOL');
  });
});
