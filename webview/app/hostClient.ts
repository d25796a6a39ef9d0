// Typed calls to the extension host over postMessage: one reply per call, cancellable, validated both ways.

import {
  type Event,
  type Params,
  type Result,
  WEBVIEW_CALLS,
  WEBVIEW_EVENTS,
  type WebviewCall,
  type WebviewEventName,
} from '../../core/protocol/calls.ts';
import { type WebviewMessage, zHostMessage } from '../../core/protocol/webviewMessages.ts';
import { HostFailure } from './hostFailure.ts';

/** The side of `acquireVsCodeApi()` this client needs. */
export interface MessagePort {
  post(message: WebviewMessage): void;
  listen(receive: (data: unknown) => void): () => void;
}

export interface HostClient {
  /** Rejects with `HostFailure`; an aborted signal cancels on the far side and rejects with code CANCELLED. */
  call<C extends WebviewCall>(method: C, params: Params<C>, signal?: AbortSignal): Promise<Result<C>>;
  on<E extends WebviewEventName>(event: E, listener: (payload: Event<E>) => void): () => void;
  dispose(): void;
}

interface Pending {
  method: WebviewCall;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export function createHostClient(port: MessagePort): HostClient {
  let nextId = 1;
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<(payload: never) => void>>();

  const stop = port.listen((data) => {
    const parsed = zHostMessage.safeParse(data);
    // Other scripts of the webview frame also post messages; those are not ours.
    if (!parsed.success) return;
    const message = parsed.data;
    if (message.kind === 'event') {
      deliver(message.event, message.payload);
      return;
    }
    const call = pending.get(message.id);
    if (call === undefined) return;
    pending.delete(message.id);
    if (message.kind === 'failure') {
      call.reject(new HostFailure(message.failure));
      return;
    }
    const result = WEBVIEW_CALLS[call.method].result.safeParse(message.result);
    if (result.success) call.resolve(result.data);
    else call.reject(protocolFailure(call.method, result.error.issues[0]?.path, result.error.issues[0]?.message));
  });

  function deliver(name: string, payload: unknown): void {
    if (!Object.hasOwn(WEBVIEW_EVENTS, name)) return;
    const parsed = WEBVIEW_EVENTS[name as WebviewEventName].safeParse(payload);
    if (!parsed.success) return;
    for (const listener of listeners.get(name) ?? []) listener(parsed.data as never);
  }

  return {
    call<C extends WebviewCall>(method: C, params: Params<C>, signal?: AbortSignal): Promise<Result<C>> {
      const checked = WEBVIEW_CALLS[method].params.safeParse(params);
      if (!checked.success) {
        const issue = checked.error.issues[0];
        return Promise.reject(protocolFailure(method, issue?.path, issue?.message));
      }
      if (signal?.aborted) return Promise.reject(cancelledCall(method));
      const id = nextId++;
      return new Promise<Result<C>>((resolve, reject) => {
        const onAbort = (): void => {
          if (!pending.delete(id)) return;
          port.post({ kind: 'cancel', id });
          reject(cancelledCall(method));
        };
        const settle = (): void => signal?.removeEventListener('abort', onAbort);
        pending.set(id, {
          method,
          resolve: (value) => {
            settle();
            resolve(value as Result<C>);
          },
          reject: (error) => {
            settle();
            reject(error);
          },
        });
        signal?.addEventListener('abort', onAbort, { once: true });
        port.post({ kind: 'call', id, method, params: checked.data });
      });
    },
    on(event, listener) {
      const set = listeners.get(event) ?? new Set();
      set.add(listener as (payload: never) => void);
      listeners.set(event, set);
      return () => set.delete(listener as (payload: never) => void);
    },
    dispose() {
      stop();
      for (const call of pending.values()) call.reject(cancelledCall(call.method));
      pending.clear();
    },
  };
}

function cancelledCall(method: string): HostFailure {
  return new HostFailure({ code: 'CANCELLED', message: `${method} cancelled` });
}

function protocolFailure(method: string, path: readonly PropertyKey[] | undefined, reason: string | undefined) {
  const where = path === undefined || path.length === 0 ? '' : ` at ${path.map(String).join('.')}`;
  return new HostFailure({
    code: 'PROTOCOL',
    message: `${method}: unexpected message${where}: ${reason ?? 'invalid'}`,
  });
}
