// Forwards the message table to the real engine process over JSON-RPC, as the extension host does.

import { fork } from 'node:child_process';
import {
  CancellationTokenSource,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  ResponseError,
} from 'vscode-jsonrpc/node';
import { EVENTS, type EventName } from '../../../core/protocol/calls.ts';
import { zFailure } from '../../../core/protocol/objects.ts';
import type { Emit, Handler } from './fakeEngine.ts';

export interface Engine {
  readonly handle: Handler;
  end(): void;
}

export function realEngine(program: string, emit: Emit): Engine {
  const child = fork(program, ['rpc'], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
  for (const event of Object.keys(EVENTS) as EventName[]) {
    connection.onNotification(event, (payload) => emit(event, payload));
  }
  connection.listen();
  process.once('exit', () => child.kill());
  const handle: Handler = async (method, params, signal) => {
    const source = new CancellationTokenSource();
    signal.addEventListener('abort', () => source.cancel(), { once: true });
    try {
      return await connection.sendRequest(method, params, source.token);
    } catch (error) {
      const failure = error instanceof ResponseError ? zFailure.safeParse(error.data) : null;
      if (failure?.success) throw failure.data;
      throw { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
    }
  };
  return {
    handle,
    end() {
      connection.dispose();
      child.kill();
    },
  };
}
