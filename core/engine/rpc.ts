// The engine as a child process: JSON-RPC over Node's IPC channel, typed arrays passed as they are.

import {
  type CancellationToken,
  createMessageConnection,
  ErrorCodes,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  ResponseError,
} from 'vscode-jsonrpc/node';
import * as z from 'zod';
import { type Failure, QuantscopeError, toFailure } from '../base/errors.ts';
import { ENGINE_CALLS, type EngineCall } from '../protocol/calls.ts';
import { HANDLERS } from './handlers.ts';
import { type EngineOptions, Session } from './session.ts';

/** Serves calls until the parent goes away. */
export async function serveRpc(options: EngineOptions): Promise<void> {
  const connection = createMessageConnection(new IPCMessageReader(process), new IPCMessageWriter(process));
  await using session = new Session((event, payload) => void connection.sendNotification(event, payload), options);
  for (const name of Object.keys(ENGINE_CALLS) as EngineCall[]) register(connection, session, name);
  const ended = new Promise<void>((resolve) => {
    process.once('disconnect', resolve);
    connection.onClose(resolve);
  });
  connection.listen();
  await ended;
}

function register(connection: MessageConnection, session: Session, name: EngineCall): void {
  connection.onRequest(name, async (raw: unknown, token: CancellationToken) => {
    const abort = new AbortController();
    const listener = token.onCancellationRequested(() => abort.abort());
    try {
      return await callHandler(session, name, raw, abort.signal);
    } catch (error) {
      const failure = toFailure(error);
      return new ResponseError<Failure>(ErrorCodes.InternalError, failure.message, failure);
    } finally {
      listener.dispose();
    }
  });
}

/** Validates parameters, runs the call. Results are built by our own code and checked by the receiver. */
async function callHandler(session: Session, name: EngineCall, raw: unknown, signal: AbortSignal): Promise<unknown> {
  const parsed = ENGINE_CALLS[name].params.safeParse(raw);
  if (!parsed.success) throw new QuantscopeError('PROTOCOL', `${name}: ${z.prettifyError(parsed.error)}`);
  const handler = HANDLERS[name] as (session: Session, params: unknown, signal: AbortSignal) => Promise<unknown>;
  return handler(session, parsed.data, signal);
}
