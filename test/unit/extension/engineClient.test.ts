import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { EngineClient, type EngineEvent, MAX_RESTARTS } from '../../../extension/engineClient.ts';

const program = fileURLToPath(new URL('../../host/fixtures/fakeEngine.ts', import.meta.url));
const lines: string[] = [];
let client: EngineClient;

function create(env: Record<string, string> = {}): EngineClient {
  lines.length = 0;
  client = new EngineClient({ launch: () => ({ program, env }), log: (line) => lines.push(line) });
  return client;
}
afterEach(() => client.dispose());

const once = <A>(subscribe: (listener: (argument: A) => void) => { dispose(): void }): Promise<A> =>
  new Promise((resolve) => {
    const subscription = subscribe((argument) => {
      subscription.dispose();
      resolve(argument);
    });
  });

describe('engine client', () => {
  it('starts nothing until the first call, then passes typed arrays with NaN and infinity', async () => {
    const engine = create();
    expect(engine.pid).toBeUndefined();
    const { values } = await engine.call('channel', { model: 1, tensor: 0, axis: 'row', index: 0 });
    expect(values).toBeInstanceOf(Float32Array);
    expect([...values]).toEqual([1, Number.NaN, Number.NEGATIVE_INFINITY]);
    expect(engine.pid).toBeGreaterThan(0);
  });

  it('hands on the code and sentence of a failure', async () => {
    await expect(create().call('open', { path: '/nowhere' })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: '/nowhere: no such file',
    });
  });

  it('refuses a reply that does not fit the table', async () => {
    await expect(create().call('close', { model: 1 })).rejects.toMatchObject({ code: 'PROTOCOL' });
  });

  it('cancels through the signal and drops malformed events with a log line', async () => {
    const engine = create();
    const events: EngineEvent[] = [];
    const abort = new AbortController();
    engine.onEvent((event) => {
      events.push(event);
      setTimeout(() => abort.abort(), 50);
    });
    await expect(engine.call('statistics', { model: 1 }, abort.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(events).toHaveLength(1);
    expect(lines.some((line) => line.startsWith('event progress:'))).toBe(true);
  });

  it('refuses an engine of another protocol', async () => {
    await expect(create({ FAKE_PROTOCOL: '99' }).call('close', { model: 1 })).rejects.toMatchObject({
      code: 'PROTOCOL',
      message: expect.stringContaining('99'),
    });
  });

  it('reports a crash to the waiting call, restarts, and answers again', async () => {
    const engine = create();
    await engine.call('open', { path: '/nowhere' }).catch(() => {});
    const before = engine.pid;
    const restarted = once<string>((listener) => engine.onRestarted(listener));
    await expect(engine.call('open', { path: '/crash' })).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    expect(await restarted).toContain('SIGKILL');
    expect(engine.pid).not.toBe(before);
    await expect(engine.call('open', { path: '/nowhere' })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('gives up after too many crashes until it is restarted by hand', async () => {
    const engine = create();
    const gaveUp = once<string>((listener) => engine.onGaveUp(listener));
    for (let crash = 0; crash <= MAX_RESTARTS; crash++) {
      await expect(engine.call('open', { path: '/crash' })).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    }
    expect(await gaveUp).toContain('4 times');
    await expect(engine.call('open', { path: '/nowhere' })).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    await engine.restart();
    await expect(engine.call('open', { path: '/nowhere' })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('an engine that dies while starting ends the call, not the extension', async () => {
    await expect(create({ FAKE_DIES_AT_START: '1' }).call('open', { path: '/x' })).rejects.toMatchObject({
      code: 'ENGINE_CRASHED',
    });
  });
});
