// One life of the engine child process: starts it, speaks JSON-RPC with it over IPC, reports how it ended.

import { type ChildProcess, fork } from 'node:child_process';
import {
  type CancellationToken,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  ResponseError,
} from 'vscode-jsonrpc/node';
import * as z from 'zod';
import {
  ENGINE_CALLS,
  type EngineCall,
  EVENTS,
  type Event,
  type EventName,
  type Params,
  PROTOCOL_VERSION,
  type Result,
} from '../core/protocol/calls.ts';
import { QuantscopeError } from '../core/protocol/failures.ts';
import { zFailure } from '../core/protocol/objects.ts';

export interface EngineLaunch {
  /** The engine program: dist/engine.js. */
  readonly program: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface EngineListener {
  event<E extends EventName>(name: E, payload: Event<E>): void;
  /** Lines the engine wrote to stderr or stdout, and protocol faults. */
  log(line: string): void;
  /** Called once. `expected` when we asked it to stop. */
  ended(reason: string, expected: boolean): void;
}

/** A million tensors open in 100 MB less, as fast as with the default of 32: what the young generation holds is not garbage. */
const ENGINE_SEMI_SPACE_MB = 16;

export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #connection: MessageConnection;
  #stopping = false;
  #endReason: string | null = null;

  constructor(launch: EngineLaunch, listener: EngineListener) {
    this.#child = fork(launch.program, ['rpc'], {
      // Typed arrays cross as bytes, not as JSON.
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Debug flags of the extension host are not for the engine; its port would clash.
      execArgv: [`--max-semi-space-size=${ENGINE_SEMI_SPACE_MB}`],
      env: { ...process.env, NODE_OPTIONS: undefined, ...launch.env, ELECTRON_RUN_AS_NODE: '1' },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => listener.log(text.trimEnd()));
    }
    this.#connection = createMessageConnection(new IPCMessageReader(this.#child), new IPCMessageWriter(this.#child), {
      error: (message) => listener.log(message),
      warn: (message) => listener.log(message),
      info: () => {},
      log: () => {},
    });
    this.#connection.onError(([error]) => listener.log(error.message));
    for (const name of Object.keys(EVENTS) as EventName[]) this.#forward(name, listener);
    const end = (reason: string): void => {
      if (this.#endReason !== null) return;
      this.#endReason = reason;
      // Rejects every call that still waits.
      this.#connection.dispose();
      listener.ended(reason, this.#stopping);
    };
    this.#child.once('exit', (code, signal) => end(signal ? `ended by ${signal}` : `ended with code ${code}`));
    this.#child.once('error', (error) => end(error.message));
    this.#connection.listen();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws QuantscopeError PROTOCOL when the two sides are of different builds */
  async handshake(): Promise<string> {
    const answer = await this.call('handshake', { protocol: PROTOCOL_VERSION });
    if (answer.protocol !== PROTOCOL_VERSION) {
      throw new QuantscopeError('PROTOCOL', `engine speaks protocol ${answer.protocol}, editor ${PROTOCOL_VERSION}`);
    }
    return answer.version;
  }

  /** One call. @throws QuantscopeError with the engine's code; ENGINE_CRASHED when it ended meanwhile */
  async call<C extends EngineCall>(name: C, params: Params<C>, signal?: AbortSignal): Promise<Result<C>> {
    if (this.#endReason !== null) throw crashed(this.#endReason);
    const token = signal ? tokenOf(signal) : undefined;
    let raw: unknown;
    try {
      raw = await (token
        ? this.#connection.sendRequest(name, params, token)
        : this.#connection.sendRequest(name, params));
    } catch (error) {
      if (this.#endReason !== null) throw crashed(this.#endReason);
      throw failureOf(error, signal);
    }
    const parsed = ENGINE_CALLS[name].result.safeParse(raw);
    if (!parsed.success) throw new QuantscopeError('PROTOCOL', `reply to ${name}: ${z.prettifyError(parsed.error)}`);
    return parsed.data as Result<C>;
  }

  stop(): void {
    this.#stopping = true;
    this.#child.kill();
  }

  #forward<E extends EventName>(name: E, listener: EngineListener): void {
    this.#connection.onNotification(name, (raw: unknown) => {
      const parsed = EVENTS[name].safeParse(raw);
      if (parsed.success) listener.event(name, parsed.data as Event<E>);
      else listener.log(`event ${name}: ${z.prettifyError(parsed.error)}`);
    });
  }
}

export function crashed(reason: string): QuantscopeError {
  return new QuantscopeError('ENGINE_CRASHED', `the engine ${reason} while working; what was open is asked again`);
}

function failureOf(error: unknown, signal: AbortSignal | undefined): QuantscopeError {
  if (error instanceof ResponseError) {
    const failure = zFailure.safeParse(error.data);
    if (failure.success) return new QuantscopeError(failure.data.code, failure.data.message, { cause: error });
  }
  if (signal?.aborted) return new QuantscopeError('CANCELLED', 'cancelled');
  const message = error instanceof Error ? error.message : String(error);
  return new QuantscopeError('PROTOCOL', `engine: ${message}`, { cause: error });
}

function tokenOf(signal: AbortSignal): CancellationToken {
  return {
    get isCancellationRequested() {
      return signal.aborted;
    },
    onCancellationRequested(listener) {
      const heard = (): void => listener(undefined);
      signal.addEventListener('abort', heard, { once: true });
      return { dispose: () => signal.removeEventListener('abort', heard) };
    },
  };
}
