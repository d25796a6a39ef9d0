// The engine as the extension sees it: started on first use, restarted after a crash, never more often than is sane.

import type { EngineCall, Event, EventName, Params, Result } from '../core/protocol/calls.ts';
import { QuantscopeError } from '../core/protocol/failures.ts';
import { type EngineLaunch, EngineProcess } from './engineProcess.ts';

/** More crashes than this within the window mean that restarting does not help. */
export const MAX_RESTARTS = 3;
export const RESTART_WINDOW_MS = 60_000;
const FIRST_BACKOFF_MS = 200;

export interface EngineClientOptions {
  /** Asked at every start, so that changed settings count from the next start on. */
  launch(): EngineLaunch;
  log(line: string): void;
}

type Listener<A> = (argument: A) => void;
export interface EngineEvent {
  readonly name: EventName;
  readonly payload: Event<EventName>;
}

export class EngineClient {
  readonly #options: EngineClientOptions;
  readonly #eventListeners = new Set<Listener<EngineEvent>>();
  readonly #restartListeners = new Set<Listener<string>>();
  readonly #failureListeners = new Set<Listener<string>>();
  #running: EngineProcess | undefined;
  #starting: Promise<EngineProcess> | undefined;
  #crashTimes: number[] = [];
  #gaveUp: string | undefined;
  #disposed = false;

  constructor(options: EngineClientOptions) {
    this.#options = options;
  }

  /** Process id of the running engine, for the log and for tests. */
  get pid(): number | undefined {
    return this.#running?.pid;
  }

  /** Makes one call, starting the engine first when it is not running. */
  async call<C extends EngineCall>(name: C, params: Params<C>, signal?: AbortSignal): Promise<Result<C>> {
    const engine = await this.#start();
    return engine.call(name, params, signal);
  }

  onEvent(listener: Listener<EngineEvent>): { dispose(): void } {
    return subscribe(this.#eventListeners, listener);
  }

  /** After a crash, once the new engine answers: everything it knew must be asked again. The argument says why. */
  onRestarted(listener: Listener<string>): { dispose(): void } {
    return subscribe(this.#restartListeners, listener);
  }

  /** It crashed too often and stays down until `restart`. */
  onGaveUp(listener: Listener<string>): { dispose(): void } {
    return subscribe(this.#failureListeners, listener);
  }

  /** Ends the engine and starts a new one, forgetting earlier crashes. */
  async restart(): Promise<void> {
    this.#crashTimes = [];
    this.#gaveUp = undefined;
    const old = this.#running;
    this.#running = undefined;
    this.#starting = undefined;
    old?.stop();
    await this.#start();
    this.#tell(this.#restartListeners, 'the engine was restarted');
  }

  dispose(): void {
    this.#disposed = true;
    this.#running?.stop();
  }

  #start(): Promise<EngineProcess> {
    if (this.#gaveUp !== undefined) return Promise.reject(new QuantscopeError('ENGINE_CRASHED', this.#gaveUp));
    this.#starting ??= this.#launch();
    return this.#starting;
  }

  async #launch(): Promise<EngineProcess> {
    const launch = this.#options.launch();
    const engine: EngineProcess = new EngineProcess(launch, {
      event: (name, payload) => this.#tell(this.#eventListeners, { name, payload }),
      log: (line) => this.#options.log(line),
      ended: (reason, expected) => this.#ended(engine, reason, expected),
    });
    this.#running = engine;
    try {
      const version = await engine.handshake();
      this.#options.log(`engine ${version} started, process ${engine.pid}`);
      return engine;
    } catch (error) {
      engine.stop();
      // A later call tries again, unless a newer start is under way.
      if (this.#running === engine) {
        this.#running = undefined;
        this.#starting = undefined;
      }
      throw error;
    }
  }

  #ended(engine: EngineProcess, reason: string, expected: boolean): void {
    if (expected || this.#disposed || this.#running !== engine) return;
    this.#running = undefined;
    this.#starting = undefined;
    this.#options.log(`engine ${reason}`);
    const now = Date.now();
    this.#crashTimes = [...this.#crashTimes.filter((time) => now - time < RESTART_WINDOW_MS), now];
    const crashes = this.#crashTimes.length;
    if (crashes > MAX_RESTARTS) {
      this.#gaveUp = `the engine ${reason}, ${crashes} times within a minute: see the Quantscope output, then run "Quantscope: Restart Engine"`;
      this.#tell(this.#failureListeners, this.#gaveUp);
      return;
    }
    // Calls made meanwhile wait for this start.
    const start = delay(FIRST_BACKOFF_MS * 2 ** (crashes - 1)).then(() => {
      if (this.#disposed) throw new QuantscopeError('ENGINE_CRASHED', `the engine ${reason}`);
      return this.#launch();
    });
    this.#starting = start;
    start.then(
      () => this.#tell(this.#restartListeners, `the engine ${reason} and was restarted`),
      (error: unknown) => this.#options.log(`restart failed: ${error instanceof Error ? error.message : error}`),
    );
  }

  #tell<A>(listeners: Set<Listener<A>>, argument: A): void {
    for (const listener of [...listeners]) listener(argument);
  }
}

function subscribe<A>(listeners: Set<Listener<A>>, listener: Listener<A>): { dispose(): void } {
  listeners.add(listener);
  return { dispose: () => void listeners.delete(listener) };
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
